package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"dubbo.apache.org/dubbo-go/v3/client"
	"dubbo.apache.org/dubbo-go/v3/common/constant"
)

const crowd = 200

type callers struct {
	client *client.Client
	byPort map[string]*client.Connection
}

func newCallers() *callers {
	made, err := client.NewClient(
		client.WithClientProtocolDubbo(),
		client.WithClientSerialization(constant.Hessian2Serialization),
		client.WithClientNoCheck(),
		client.WithClientRequestTimeout(5*time.Second),
		client.WithClientRetries(0),
	)
	must(err)
	return &callers{client: made, byPort: make(map[string]*client.Connection)}
}

func (c *callers) call(port string, name string) {
	outcome := map[string]any{"call": name}
	started := time.Now()
	connection, err := c.connection(port)
	if err == nil {
		err = outcomes[name](context.Background(), connection, outcome)
	}
	if err != nil {
		outcome["exception"] = fmt.Sprintf("%T", err)
		outcome["message"] = err.Error()
	}
	outcome["ms"] = float64(time.Since(started).Microseconds()) / 1000
	line, err := json.Marshal(outcome)
	must(err)
	fmt.Println(string(line))
}

func (c *callers) connection(port string) (*client.Connection, error) {
	if known := c.byPort[port]; known != nil {
		return known, nil
	}
	made, err := c.client.Dial(service, client.WithURL("dubbo://127.0.0.1:"+port))
	if err == nil {
		c.byPort[port] = made
	}
	return made, err
}

type call func(ctx context.Context, to *client.Connection, outcome map[string]any) error

var outcomes = map[string]call{
	"text": func(ctx context.Context, to *client.Connection, outcome map[string]any) error {
		var result string
		err := to.CallUnary(ctx, []any{text}, &result, "text")
		outcome["result"] = result
		return err
	},
	"number": func(ctx context.Context, to *client.Connection, outcome map[string]any) error {
		var result int64
		err := to.CallUnary(ctx, []any{int64(9007199254740993)}, &result, "number")
		outcome["result"] = strconv.FormatInt(result, 10)
		return err
	},
	"nothing": func(ctx context.Context, to *client.Connection, outcome map[string]any) error {
		var result any
		err := to.CallUnary(ctx, []any{text}, &result, "nothing")
		outcome["result"] = result
		return err
	},
	"fail": func(ctx context.Context, to *client.Connection, _ map[string]any) error {
		var result any
		return to.CallUnary(ctx, []any{"nobody"}, &result, "fail")
	},
	"crowd": func(ctx context.Context, to *client.Connection, outcome map[string]any) error {
		var right atomic.Int32
		var all sync.WaitGroup
		for n := range crowd {
			all.Add(1)
			go func() {
				defer all.Done()
				var result string
				wanted := "n" + strconv.Itoa(n)
				if err := to.CallUnary(ctx, []any{wanted}, &result, "text"); err == nil && result == wanted {
					right.Add(1)
				}
			}()
		}
		all.Wait()
		outcome["right"] = right.Load()
		return nil
	},
	"attached": func(ctx context.Context, to *client.Connection, outcome map[string]any) error {
		ctx = context.WithValue(ctx, constant.AttachmentKey, map[string]any{"color": "blue 😀"})
		var result map[any]any
		err := to.CallUnary(ctx, []any{[]string{"color", "added", "absent"}}, &result, "attached")
		sent := make(map[string]string)
		for key, value := range result {
			sent[fmt.Sprint(key)] = fmt.Sprint(value)
		}
		outcome["sent"] = sent
		return err
	},
}

func waitFor(port string) error {
	for range 100 {
		connection, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			return connection.Close()
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("nobody listens on %s", port)
}
