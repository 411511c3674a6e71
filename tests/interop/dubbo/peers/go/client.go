package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"dubbo.apache.org/dubbo-go/v3/client"
	"dubbo.apache.org/dubbo-go/v3/common/constant"
)

const crowd = 200

var long = strings.Repeat("y", 2000)

// talk is one service behind one port, in the ways to ask for it.
type talk struct{ plain, blue *client.Connection }

type callers struct{ byPort map[string]*talk }

// dial has a client of its own: connections of one share what they refer to.
func dial(port string, options ...client.ReferenceOption) (*client.Connection, error) {
	made, err := client.NewClient(
		client.WithClientProtocolDubbo(),
		client.WithClientSerialization(constant.Hessian2Serialization),
		client.WithClientNoCheck(),
		client.WithClientRequestTimeout(5*time.Second),
		client.WithClientRetries(0),
		client.WithClientFilter(witnessName),
	)
	if err != nil {
		return nil, err
	}
	return made.Dial(service, append(options, client.WithURL("dubbo://127.0.0.1:"+port))...)
}

func (c *callers) call(port string, name string) {
	outcome := map[string]any{"call": name}
	started := time.Now()
	to, err := c.talk(port)
	if err == nil {
		err = outcomes[name](context.Background(), to, outcome)
	}
	if err != nil {
		outcome["exception"] = fmt.Sprintf("%T", err)
		outcome["message"] = err.Error()
		var notFound *NotFound
		if errors.As(err, &notFound) {
			outcome["exception"], outcome["name"], outcome["code"] = "NotFound", notFound.Name, notFound.Code
		}
	}
	outcome["ms"] = float64(time.Since(started).Microseconds()) / 1000
	line, err := json.Marshal(outcome)
	must(err)
	fmt.Println(string(line))
}

func (c *callers) talk(port string) (*talk, error) {
	if known := c.byPort[port]; known != nil {
		return known, nil
	}
	// dubbo-go cannot refer to what it cannot connect to
	if err := waitFor(port); err != nil {
		return nil, err
	}
	made := &talk{}
	var failed [2]error
	// as Java's for none: npm's service is not found without
	made.plain, failed[0] = dial(port, client.WithVersion("0.0.0"))
	made.blue, failed[1] = dial(port, client.WithGroup("blue"), client.WithVersion("2.0.0"))
	if err := errors.Join(failed[:]...); err != nil {
		return nil, err
	}
	c.byPort[port] = made
	return made, nil
}

type call func(ctx context.Context, to *talk, outcome map[string]any) error

var outcomes = map[string]call{
	"text": func(ctx context.Context, to *talk, outcome map[string]any) error {
		return callText(ctx, to.plain, outcome)
	},
	"blue": func(ctx context.Context, to *talk, outcome map[string]any) error {
		return callText(ctx, to.blue, outcome)
	},
	"number": func(ctx context.Context, to *talk, outcome map[string]any) error {
		var result int64
		err := to.plain.CallUnary(ctx, []any{int64(9007199254740993)}, &result, "number")
		outcome["result"] = strconv.FormatInt(result, 10)
		return err
	},
	"nothing": func(ctx context.Context, to *talk, outcome map[string]any) error {
		var result any
		err := to.plain.CallUnary(ctx, []any{text}, &result, "nothing")
		outcome["result"] = result
		return err
	},
	"fail": func(ctx context.Context, to *talk, _ map[string]any) error {
		var result any
		return to.plain.CallUnary(ctx, []any{"nobody"}, &result, "fail")
	},
	"note": func(ctx context.Context, to *talk, outcome map[string]any) error {
		var result any
		outcome["result"] = nil
		// without a callback nobody waits, and no answer is asked for
		ctx = context.WithValue(ctx, constant.AttachmentKey, map[string]any{constant.AsyncKey: "true"})
		return to.plain.CallUnary(ctx, []any{text}, &result, "note")
	},
	"notes": func(ctx context.Context, to *talk, outcome map[string]any) error {
		var result int32
		err := to.plain.CallUnary(ctx, []any{}, &result, "notes")
		outcome["result"] = result
		return err
	},
	"crowd": func(ctx context.Context, to *talk, outcome map[string]any) error {
		var right atomic.Int32
		var all sync.WaitGroup
		for n := range crowd {
			all.Add(1)
			go func() {
				defer all.Done()
				var result string
				wanted := "n" + strconv.Itoa(n)
				if err := to.plain.CallUnary(ctx, []any{wanted}, &result, "text"); err == nil && result == wanted {
					right.Add(1)
				}
			}()
		}
		all.Wait()
		outcome["right"] = right.Load()
		return nil
	},
	"attached": func(ctx context.Context, to *talk, outcome map[string]any) error {
		ctx = context.WithValue(ctx, constant.AttachmentKey, map[string]any{"color": "blue 😀", "long": long})
		var result map[any]any
		err := to.plain.CallUnary(ctx, []any{[]string{"color", "long", "added", "absent"}}, &result, "attached")
		sent := make(map[string]any)
		for key, value := range result {
			sent[fmt.Sprint(key)] = value
		}
		outcome["longIsWhole"] = sent["long"] == long
		delete(sent, "long")
		outcome["sent"] = sent
		outcome["answered"] = answered("shade")
		outcome["answerAdded"] = answered("answer-added")
		return err
	},
}

func callText(ctx context.Context, to *client.Connection, outcome map[string]any) error {
	var result string
	err := to.CallUnary(ctx, []any{text}, &result, "text")
	outcome["result"] = result
	return err
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
