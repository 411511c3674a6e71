// Apache Thrift for Go as a peer; arguments and output as in npm-peer.ts.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"reflect"
	"strings"
	"sync/atomic"
	"time"

	"github.com/apache/thrift/lib/go/thrift"
	"meltemi.test/thriftpeer/gen/talk"
)

var (
	transport   = flag.String("transport", "framed", "framed, buffered or header")
	protocol    = flag.String("protocol", "binary", "binary or compact")
	port        = flag.Int("port", 0, "")
	calls       = flag.String("calls", "text", "")
	multiplexed = flag.Bool("multiplexed", false, "")
)

func main() {
	role := os.Args[1]
	must(flag.CommandLine.Parse(os.Args[2:]))
	if role == "server" {
		serve()
	} else {
		call()
	}
}

func factories() (thrift.TTransportFactory, thrift.TProtocolFactory) {
	config := &thrift.TConfiguration{THeaderProtocolID: thrift.THeaderProtocolIDPtrMust(headerID())}
	var transports thrift.TTransportFactory = thrift.NewTBufferedTransportFactory(8192)
	if *transport == "framed" {
		transports = thrift.NewTFramedTransportFactoryConf(thrift.NewTTransportFactory(), config)
	}
	if *transport == "header" {
		return thrift.NewTHeaderTransportFactoryConf(nil, config), thrift.NewTHeaderProtocolFactoryConf(config)
	}
	if *protocol == "compact" {
		return transports, thrift.NewTCompactProtocolFactoryConf(config)
	}
	return transports, thrift.NewTBinaryProtocolFactoryConf(config)
}

func headerID() thrift.THeaderProtocolID {
	if *protocol == "compact" {
		return thrift.THeaderProtocolCompact
	}
	return thrift.THeaderProtocolBinary
}

type handler struct{ count atomic.Int32 }

func (h *handler) Text(_ context.Context, value string) (string, error)         { return value, nil }
func (h *handler) Number(_ context.Context, value int64) (int64, error)         { return value, nil }
func (h *handler) Item(_ context.Context, value *talk.Item) (*talk.Item, error) { return value, nil }
func (h *handler) Fail(_ context.Context, name string) error {
	return &talk.NotFound{Name: name, Code: 404}
}
func (h *handler) Lists(_ context.Context, value map[string][]int64) (map[string][]int64, error) {
	return value, nil
}
func (h *handler) Note(context.Context, string) error {
	h.count.Add(1)
	return nil
}
func (h *handler) Notes(context.Context) (int32, error) { return h.count.Load(), nil }

func serve() {
	transports, protocols := factories()
	address, err := net.ResolveTCPAddr("tcp", fmt.Sprintf("127.0.0.1:%d", *port))
	must(err)
	socket := thrift.NewTServerSocketFromAddrTimeout(address, 0)
	must(socket.Listen())
	var processor thrift.TProcessor = talk.NewEchoProcessor(&handler{})
	if *multiplexed {
		many := thrift.NewTMultiplexedProcessor()
		many.RegisterProcessor("echo", processor)
		processor = many
	}
	fmt.Println(socket.Addr().(*net.TCPAddr).Port)
	go func() { must(thrift.NewTSimpleServer4(processor, socket, transports, protocols).Serve()) }()
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func call() {
	transports, protocols := factories()
	socket := thrift.NewTSocketConf(fmt.Sprintf("127.0.0.1:%d", *port), &thrift.TConfiguration{SocketTimeout: 10 * time.Second})
	wrapped, err := transports.GetTransport(socket)
	must(err)
	must(wrapped.Open())
	in, out := protocols.GetProtocol(wrapped), protocols.GetProtocol(wrapped)
	if *transport == "header" {
		// one object must read and write, for it remembers what it speaks
		out = in
	}
	if *multiplexed {
		out = thrift.NewTMultiplexedProtocol(out, "echo")
	}
	client := talk.NewLaterEchoClient(thrift.NewTStandardClient(in, out))
	ctx := context.Background()
	if *transport == "header" {
		ctx = thrift.SetWriteHeaderList(thrift.SetHeader(ctx, "color", "blue"), []string{"color"})
	}
	for _, name := range strings.Split(*calls, ",") {
		started := time.Now()
		outcome := make(map[string]any)
		if err := outcomes[name](ctx, client, outcome); err != nil {
			describe(err, outcome)
		}
		outcome["call"] = name
		outcome["ms"] = float64(time.Since(started).Microseconds()) / 1000
		line, err := json.Marshal(outcome)
		must(err)
		fmt.Println(string(line))
	}
}

type outcomeOf func(context.Context, *talk.LaterEchoClient, map[string]any) error

var outcomes = map[string]outcomeOf{
	"text": func(ctx context.Context, client *talk.LaterEchoClient, outcome map[string]any) (err error) {
		outcome["result"], err = client.Text(ctx, "καλημέρα")
		return err
	},
	"big": func(ctx context.Context, client *talk.LaterEchoClient, outcome map[string]any) error {
		text := strings.Repeat("x", 1024*1024)
		reply, err := client.Text(ctx, text)
		outcome["same"] = reply == text
		return err
	},
	"number": func(ctx context.Context, client *talk.LaterEchoClient, outcome map[string]any) error {
		reply, err := client.Number(ctx, 9007199254740993)
		outcome["result"] = fmt.Sprint(reply)
		return err
	},
	"item": func(ctx context.Context, client *talk.LaterEchoClient, outcome map[string]any) error {
		reply, err := client.Item(ctx, item(true))
		outcome["same"] = reflect.DeepEqual(reply, item(true))
		return err
	},
	"lists": func(ctx context.Context, client *talk.LaterEchoClient, outcome map[string]any) (err error) {
		outcome["result"], err = client.Lists(ctx, map[string][]int64{"odd": {1, 3, 5}, "none": {}})
		return err
	},
	"fail": func(ctx context.Context, client *talk.LaterEchoClient, _ map[string]any) error {
		return client.Fail(ctx, "nobody")
	},
	"note": func(ctx context.Context, client *talk.LaterEchoClient, outcome map[string]any) error {
		before, err := client.Notes(ctx)
		if err != nil {
			return err
		}
		if err := client.Note(ctx, "hello"); err != nil {
			return err
		}
		after := before
		for i := 0; i < 100 && after == before && err == nil; i++ {
			after, err = client.Notes(ctx)
		}
		outcome["result"] = after - before
		return err
	},
	"pause": func(context.Context, *talk.LaterEchoClient, map[string]any) error {
		time.Sleep(600 * time.Millisecond)
		return nil
	},
	"added": func(ctx context.Context, client *talk.LaterEchoClient, _ map[string]any) error {
		_, err := client.Added(ctx, "x")
		return err
	},
}

func item(hasChildren bool) *talk.Item {
	children := []*talk.Item{}
	for i := 0; hasChildren && i < 20; i++ {
		children = append(children, item(false))
	}
	return &talk.Item{
		Name: "lamp", ID: -5, Weight: 1.5, Fresh: true, Stale: false,
		Tags: []string{"a", ""}, Counts: map[string]int32{"a": 1, "b": -70000}, Sizes: []int16{300},
		Color: talk.Color_BLUE, Level: 7, Flags: []bool{false, false},
		Nested:   map[int32]map[string][]float64{9: {"z": {0.25}}},
		Children: children,
	}
}

func describe(err error, outcome map[string]any) {
	var notFound *talk.NotFound
	var application thrift.TApplicationException
	if errors.As(err, &notFound) {
		outcome["exception"], outcome["name"], outcome["code"] = "NotFound", notFound.Name, notFound.Code
	} else if errors.As(err, &application) {
		outcome["exception"], outcome["type"], outcome["message"] = "TApplicationException", application.TypeId(), application.Error()
	} else {
		outcome["exception"], outcome["message"] = "other", err.Error()
	}
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
