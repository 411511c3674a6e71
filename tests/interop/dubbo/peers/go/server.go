package main

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"

	"dubbo.apache.org/dubbo-go/v3/common/constant"
	"dubbo.apache.org/dubbo-go/v3/protocol"
	"dubbo.apache.org/dubbo-go/v3/server"
)

// Talk has a few of the methods of the Java peer.
type Talk struct {
	name, prefix string
	notes        atomic.Int32
}

func (t *Talk) Text(_ context.Context, value string) (string, error) { return t.prefix + value, nil }

func (t *Talk) Number(_ context.Context, value int64) (int64, error) { return value, nil }

func (t *Talk) Nothing(context.Context, string) (any, error) { return nil, nil }

func (t *Talk) Fail(_ context.Context, name string) (any, error) {
	return nil, &NotFound{DetailMessage: "not found: " + name, Name: name, Code: 404}
}

func (t *Talk) Note(context.Context, string) (any, error) {
	t.notes.Add(1)
	return nil, nil
}

func (t *Talk) Notes(context.Context) (int32, error) { return t.notes.Load(), nil }

func (t *Talk) Attached(ctx context.Context, keys []string) (map[any]any, error) {
	attachments, _ := ctx.Value(constant.AttachmentKey).(map[string]any)
	found := make(map[any]any)
	for _, key := range keys {
		found[key] = "null"
		if value, is := attachments[key]; is {
			found[key] = fmt.Sprint(firstOf(value))
		}
	}
	return found, nil
}

// Reference tells dubbo-go one service from another.
func (t *Talk) Reference() string { return t.name }

func serve(options map[string]string) error {
	port, err := strconv.Atoi(options["port"])
	if err != nil {
		return err
	}
	// not for one address: dubbo-go serves its own metadata on all of them, on the same port
	made, err := server.NewServer(server.WithServerProtocol(protocol.WithPort(port), protocol.WithDubbo()))
	if err != nil {
		return err
	}
	plain := []server.ServiceOption{server.WithInterface(service), server.WithFilter(witnessName)}
	if err = made.Register(&Talk{name: "Talk"}, nil, plain...); err != nil {
		return err
	}
	blue := append(plain, server.WithGroup("blue"), server.WithVersion("2.0.0"))
	if err = made.Register(&Talk{name: "BlueTalk", prefix: "blue "}, nil, blue...); err != nil {
		return err
	}
	go func() { must(made.Serve()) }()
	return waitFor(options["port"])
}
