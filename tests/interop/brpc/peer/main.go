// brpc-go as a peer.
//
//	go-peer server --port 0                 prints its port, serves until its standard input ends
//	go-peer client --port N --calls a,b     makes the calls, prints what came of each as one line of JSON
//
// The library has no attachments, and no timeouts on the wire: the peer in C++ has.
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
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/icexin/brpc-go"
	bstd "github.com/icexin/brpc-go/protocol/brpc-std"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const (
	service = "test.Echo"
	many    = 50
)

var (
	port    = flag.Int("port", 0, "")
	calls   = flag.String("calls", "say", "")
	failure = regexp.MustCompile(`^code:(\d+), reason:(.*)$`)
)

type text = wrapperspb.StringValue

func main() {
	role := os.Args[1]
	must(flag.CommandLine.Parse(os.Args[2:]))
	if role == "server" {
		serve()
	} else {
		call()
	}
}

// Echo is the service; the library finds its methods by reflection.
type Echo struct{}

func (*Echo) Say(_ context.Context, request *text, reply *text) error {
	reply.Value = request.Value
	return nil
}

func (*Echo) Fail(context.Context, *text, *text) error { return errors.New("nobody") }

func (*Echo) Sleep(_ context.Context, _ *text, _ *text) error {
	time.Sleep(2 * time.Second)
	return nil
}

func (*Echo) Crash(context.Context, *text, *text) error {
	os.Exit(1)
	return nil
}

func serve() {
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", *port))
	must(err)
	server := brpc.NewServer(bstd.ProtocolName)
	server.RegisterService(&brpc.ServiceDesc{ServiceName: service}, &Echo{})
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	go func() { must(server.Serve(listener)) }()
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func call() {
	client, err := brpc.Dial(bstd.ProtocolName, fmt.Sprintf("127.0.0.1:%d", *port))
	must(err)
	for _, name := range strings.Split(*calls, ",") {
		started := time.Now()
		outcome := make(map[string]any)
		if err := outcomes[name](client, outcome); err != nil {
			describe(err, outcome)
		}
		outcome["call"] = name
		outcome["ms"] = float64(time.Since(started).Microseconds()) / 1000
		line, err := json.Marshal(outcome)
		must(err)
		fmt.Println(string(line))
	}
}

var outcomes = map[string]func(brpc.ClientConn, map[string]any) error{
	"say": func(client brpc.ClientConn, outcome map[string]any) (err error) {
		outcome["result"], err = invoke(client, "Say", "καλημέρα")
		return err
	},
	"big": func(client brpc.ClientConn, outcome map[string]any) error {
		sent := strings.Repeat("y", 1024*1024)
		got, err := invoke(client, "Say", sent)
		outcome["same"] = got == sent
		return err
	},
	"many": func(client brpc.ClientConn, outcome map[string]any) error {
		done := make(chan error, many)
		for i := 0; i < many; i++ {
			go func() {
				sent := fmt.Sprint("text ", i)
				got, err := invoke(client, "Say", sent)
				if err == nil && got != sent {
					err = errors.New("another's reply")
				}
				done <- err
			}()
		}
		for i := 0; i < many; i++ {
			if err := <-done; err != nil {
				return err
			}
		}
		outcome["same"] = true
		return nil
	},
	"fail":  func(client brpc.ClientConn, _ map[string]any) error { return only(invoke(client, "Fail", "")) },
	"added": func(client brpc.ClientConn, _ map[string]any) error { return only(invoke(client, "Added", "")) },
	"sleep": func(client brpc.ClientConn, _ map[string]any) error { return only(invoke(client, "Sleep", "")) },
	"crash": func(client brpc.ClientConn, _ map[string]any) error { return only(invoke(client, "Crash", "")) },
}

func invoke(client brpc.ClientConn, method, value string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	reply := &text{}
	err := client.Invoke(ctx, "/"+service+"/"+method, wrapperspb.String(value), reply)
	return reply.Value, err
}

func only(_ string, err error) error { return err }

func describe(err error, outcome map[string]any) {
	found := failure.FindStringSubmatch(err.Error())
	if found == nil {
		outcome["code"], outcome["message"] = -1, err.Error()
		return
	}
	outcome["code"], _ = strconv.Atoi(found[1])
	outcome["message"] = found[2]
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
