// tRPC's own library for Go as a peer.
//
//	go-peer server --port 0                 prints its port, serves until its standard input ends
//	go-peer client --port N --calls a,b     makes the calls, prints what came of each as one line of JSON
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
	"sort"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/types/known/wrapperspb"
	"trpc.group/trpc-go/trpc-go"
	"trpc.group/trpc-go/trpc-go/client"
	"trpc.group/trpc-go/trpc-go/codec"
	"trpc.group/trpc-go/trpc-go/errs"
	"trpc.group/trpc-go/trpc-go/log"
	"trpc.group/trpc-go/trpc-go/server"
	"trpc.group/trpc-go/trpc-go/stream"
	trpcpb "trpc.group/trpc/trpc-protocol/pb/go/trpc"
)

const (
	service     = "trpc.test.echo.Echo"
	pumpedTexts = 300
)

var (
	port  = flag.Int("port", 0, "")
	calls = flag.String("calls", "say", "")
	// many times the window of 64 KiB, so that both sides must give each other room
	pumpedText = strings.Repeat("x", 8*1024)
)

type text = wrapperspb.StringValue

func main() {
	role := os.Args[1]
	must(flag.CommandLine.Parse(os.Args[2:]))
	log.SetLevel("0", log.LevelFatal)
	if role == "server" {
		serve()
	} else {
		call()
	}
}

// ---- the service

var notes, cancelled atomic.Int32

func serve() {
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", *port))
	must(err)
	serving := server.New(
		server.WithServiceName(service),
		server.WithProtocol("trpc"),
		server.WithNetwork("tcp"),
		server.WithAddress(listener.Addr().String()),
		server.WithListener(listener),
	)
	must(serving.Register(&server.ServiceDesc{
		ServiceName:  service,
		StreamHandle: stream.NewStreamDispatcher(),
		Methods: []server.Method{
			method("Say", func(_ context.Context, request *text) (string, error) { return request.Value, nil }),
			method("Meta", func(ctx context.Context, _ *text) (string, error) {
				seen := seenMetadata(ctx)
				trpc.SetMetaData(ctx, "answered", []byte("yes"))
				return seen, nil
			}),
			method("Fail", func(context.Context, *text) (string, error) { return "", errs.New(404, "nobody") }),
			method("Break", func(context.Context, *text) (string, error) {
				return "", errs.NewFrameError(errs.RetServerSystemErr, "broken")
			}),
			method("Note", func(context.Context, *text) (string, error) {
				notes.Add(1)
				return "", nil
			}),
			method("Notes", func(context.Context, *text) (string, error) { return fmt.Sprint(notes.Load()), nil }),
			method("Cancelled", func(context.Context, *text) (string, error) { return fmt.Sprint(cancelled.Load()), nil }),
			method("Sleep", func(context.Context, *text) (string, error) {
				time.Sleep(2 * time.Second)
				return "", nil
			}),
			method("Crash", func(context.Context, *text) (string, error) { os.Exit(1); return "", nil }),
		},
		Streams: []server.StreamDesc{
			streaming("Sum", func(stream server.Stream) error {
				all := []string{}
				for {
					value, err := receive(stream)
					if err == io.EOF {
						return stream.SendMsg(wrapperspb.String(strings.Join(all, "+")))
					}
					if err != nil {
						return err
					}
					all = append(all, value)
				}
			}),
			streaming("List", func(stream server.Stream) error {
				value, err := receive(stream)
				for i := 0; i < 3 && err == nil; i++ {
					err = stream.SendMsg(wrapperspb.String(fmt.Sprint(value, i)))
				}
				return err
			}),
			streaming("Parrot", func(stream server.Stream) error {
				for {
					value, err := receive(stream)
					if err == io.EOF {
						return nil
					}
					if err == nil {
						err = stream.SendMsg(wrapperspb.String(value))
					}
					if err != nil {
						cancelled.Add(1)
						return err
					}
				}
			}),
			streaming("MetaStream", func(stream server.Stream) error {
				return stream.SendMsg(wrapperspb.String(seenMetadata(stream.Context())))
			}),
			// after what the client says: one that hears of the end before it has sent that has an error of its own
			streaming("FailStream", func(stream server.Stream) error {
				_, _ = receive(stream)
				return errs.New(404, "nobody")
			}),
			streaming("BreakStream", func(stream server.Stream) error {
				_, _ = receive(stream)
				return errs.NewFrameError(errs.RetServerSystemErr, "broken")
			}),
			streaming("CrashStream", func(stream server.Stream) error {
				_, _ = receive(stream)
				os.Exit(1)
				return nil
			}),
		},
	}, nil))
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	go func() { must(serving.Serve()) }()
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func method(name string, handle func(context.Context, *text) (string, error)) server.Method {
	return server.Method{Name: pathOf(name), Func: func(_ interface{}, ctx context.Context, f server.FilterFunc) (interface{}, error) {
		request := &text{}
		filters, err := f(request)
		if err != nil {
			return nil, err
		}
		return filters.Filter(ctx, request, func(ctx context.Context, request interface{}) (interface{}, error) {
			value, err := handle(ctx, request.(*text))
			return wrapperspb.String(value), err
		})
	}}
}

func streaming(name string, handle func(server.Stream) error) server.StreamDesc {
	return server.StreamDesc{
		StreamName:    pathOf(name),
		ServerStreams: true,
		ClientStreams: true,
		Handler:       func(_ interface{}, stream server.Stream) error { return handle(stream) },
	}
}

func receive(stream server.Stream) (string, error) {
	message := &text{}
	err := stream.RecvMsg(message)
	return message.Value, err
}

func seenMetadata(ctx context.Context) string {
	seen := []string{}
	for key, value := range codec.Message(ctx).ServerMetaData() {
		if !strings.HasPrefix(key, "trpc") {
			seen = append(seen, key+"="+string(value))
		}
	}
	sort.Strings(seen)
	return strings.Join(seen, ",")
}

func pathOf(name string) string { return "/" + service + "/" + name }

// ---- the client

func call() {
	for _, name := range strings.Split(*calls, ",") {
		started := time.Now()
		outcome := make(map[string]any)
		if err := outcomes[name](outcome); err != nil {
			describe(err, outcome)
		}
		outcome["call"] = name
		outcome["ms"] = float64(time.Since(started).Microseconds()) / 1000
		line, err := json.Marshal(outcome)
		must(err)
		fmt.Println(string(line))
	}
}

var outcomes = map[string]func(map[string]any) error{
	"say": func(outcome map[string]any) (err error) {
		outcome["result"], err = invoke("Say", "καλημέρα")
		return err
	},
	"big": func(outcome map[string]any) error {
		sent := strings.Repeat("y", 1024*1024)
		got, err := invoke("Say", sent)
		outcome["same"] = got == sent
		return err
	},
	"meta": func(outcome map[string]any) (err error) {
		head := &trpcpb.ResponseProtocol{}
		outcome["result"], err = invoke("Meta", "",
			client.WithMetaData("user", []byte("ü")), client.WithMetaData("token", []byte("t")), client.WithRspHead(head))
		outcome["answered"] = string(head.TransInfo["answered"])
		outcome["stamp"] = string(head.TransInfo["stamp"])
		return err
	},
	"fail":   func(map[string]any) error { return only(invoke("Fail", "")) },
	"break":  func(map[string]any) error { return only(invoke("Break", "")) },
	"added":  func(map[string]any) error { return only(invoke("Added", "")) },
	"sleep":  func(map[string]any) error { return only(invoke("Sleep", "")) },
	"crash":  func(map[string]any) error { return only(invoke("Crash", "")) },
	"note": func(outcome map[string]any) error {
		before, err := invoke("Notes", "")
		if err == nil {
			err = only(invoke("Note", "", client.WithSendOnly()))
		}
		after := before
		for i := 0; i < 200 && after == before && err == nil; i++ {
			after, err = invoke("Notes", "")
		}
		outcome["counted"] = after != before
		return err
	},
	"sum": func(outcome map[string]any) error {
		stream, err := open("Sum", true, false)
		for i := 1; i <= 3 && err == nil; i++ {
			err = stream.SendMsg(wrapperspb.String(fmt.Sprint(i)))
		}
		if err == nil {
			err = stream.CloseSend()
		}
		if err == nil {
			outcome["result"], err = next(stream)
		}
		return err
	},
	"list": func(outcome map[string]any) error {
		stream, err := open("List", false, true)
		if err == nil {
			err = stream.SendMsg(wrapperspb.String("n"))
		}
		if err == nil {
			err = stream.CloseSend()
		}
		if err != nil {
			return err
		}
		outcome["result"], err = rest(stream)
		return err
	},
	"parrot": func(outcome map[string]any) error {
		stream, err := open("Parrot", true, true)
		if err != nil {
			return err
		}
		heard := []string{}
		for i := 0; i < 5; i++ {
			if err := stream.SendMsg(wrapperspb.String(fmt.Sprint("word ", i))); err != nil {
				return err
			}
			value, err := next(stream)
			if err != nil {
				return err
			}
			heard = append(heard, value)
		}
		if err := stream.CloseSend(); err != nil {
			return err
		}
		_, err = next(stream)
		outcome["result"], outcome["ended"] = heard, err == io.EOF
		return nil
	},
	"pump": func(outcome map[string]any) error {
		stream, err := open("Parrot", true, true)
		if err != nil {
			return err
		}
		sent := make(chan error, 1)
		go func() {
			for i := 0; i < pumpedTexts; i++ {
				if err := stream.SendMsg(wrapperspb.String(pumpedText)); err != nil {
					sent <- err
					return
				}
			}
			sent <- stream.CloseSend()
		}()
		values, err := rest(stream)
		outcome["count"] = len(values)
		return errors.Join(err, <-sent)
	},
	"metaStream": func(outcome map[string]any) error {
		stream, err := open("MetaStream", false, true, client.WithMetaData("user", []byte("ü")))
		if err == nil {
			outcome["result"], err = next(stream)
		}
		return err
	},
	"failStream":  func(map[string]any) error { return nextError("FailStream") },
	"breakStream": func(map[string]any) error { return nextError("BreakStream") },
	"crashStream": func(map[string]any) error { return nextError("CrashStream") },
	"addedStream": func(map[string]any) error { return nextError("AddedStream") },
	"cancel": func(outcome map[string]any) error {
		before, err := invoke("Cancelled", "")
		if err != nil {
			return err
		}
		ctx, cancel := context.WithCancel(trpc.BackgroundContext())
		stream, err := openIn(ctx, "Parrot", true, true)
		if err == nil {
			err = stream.SendMsg(wrapperspb.String("x"))
		}
		if err == nil {
			_, err = next(stream)
		}
		cancel()
		if err != nil {
			return err
		}
		_, err = next(stream)
		outcome["code"] = errs.Code(err)
		outcome["before"] = before
		return nil
	},
}

func options(more ...client.Option) []client.Option {
	return append([]client.Option{
		client.WithTarget(fmt.Sprintf("ip://127.0.0.1:%d", *port)),
		client.WithProtocol("trpc"),
		client.WithNetwork("tcp"),
		client.WithTimeout(10 * time.Second),
		client.WithCallerServiceName("trpc.test.peer.Caller"),
	}, more...)
}

func describing(ctx context.Context, name string) (context.Context, codec.Msg) {
	ctx, msg := codec.WithCloneMessage(ctx)
	msg.WithClientRPCName(pathOf(name))
	msg.WithCalleeServiceName(service)
	msg.WithSerializationType(codec.SerializationTypePB)
	return ctx, msg
}

func invoke(name, value string, more ...client.Option) (string, error) {
	ctx, msg := describing(trpc.BackgroundContext(), name)
	defer codec.PutBackMessage(msg)
	reply := &text{}
	err := client.DefaultClient.Invoke(ctx, wrapperspb.String(value), reply, options(more...)...)
	return reply.Value, err
}

func open(name string, clientStreams, serverStreams bool, more ...client.Option) (client.ClientStream, error) {
	return openIn(trpc.BackgroundContext(), name, clientStreams, serverStreams, more...)
}

func openIn(ctx context.Context, name string, clientStreams, serverStreams bool, more ...client.Option) (client.ClientStream, error) {
	ctx, _ = describing(ctx, name)
	desc := &client.ClientStreamDesc{StreamName: name, ClientStreams: clientStreams, ServerStreams: serverStreams}
	return stream.DefaultStreamClient.NewStream(ctx, desc, pathOf(name), options(more...)...)
}

func next(stream client.ClientStream) (string, error) {
	message := &text{}
	err := stream.RecvMsg(message)
	return message.Value, err
}

func rest(stream client.ClientStream) ([]string, error) {
	all := []string{}
	for {
		value, err := next(stream)
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, value)
	}
}

func nextError(name string) error {
	stream, err := open(name, true, true)
	if err == nil {
		err = stream.SendMsg(wrapperspb.String("x"))
	}
	if err == nil {
		_, err = next(stream)
	}
	return err
}

func only(_ string, err error) error { return err }

func describe(err error, outcome map[string]any) {
	outcome["code"], outcome["message"] = errs.Code(err), errs.Msg(err)
	var known *errs.Error
	if errors.As(err, &known) {
		outcome["isFramework"] = known.Type != errs.ErrorTypeBusiness
	}
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
