package main

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"

	"dubbo.apache.org/dubbo-go/v3/common/constant"
	"dubbo.apache.org/dubbo-go/v3/protocol"
	"dubbo.apache.org/dubbo-go/v3/server"
)

// Talk has a few of the methods of the Java peer.
type Talk struct{ notes atomic.Int32 }

func (t *Talk) Text(_ context.Context, value string) (string, error) { return value, nil }

func (t *Talk) Number(_ context.Context, value int64) (int64, error) { return value, nil }

func (t *Talk) Nothing(context.Context, string) (any, error) { return nil, nil }

func (t *Talk) Fail(_ context.Context, name string) (any, error) {
	return nil, errors.New("not found: " + name)
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
		found[key] = textOf(attachments[key])
	}
	return found, nil
}

func (t *Talk) Reference() string { return service }

// dubbo-go makes lists of what it gets.
func textOf(value any) string {
	switch typed := value.(type) {
	case string:
		return typed
	case []string:
		if len(typed) > 0 {
			return typed[0]
		}
	}
	return "null"
}

func serve(port string) error {
	number, err := strconv.Atoi(port)
	if err != nil {
		return err
	}
	made, err := server.NewServer(
		server.WithServerProtocol(protocol.WithPort(number), protocol.WithIp("127.0.0.1"), protocol.WithDubbo()),
	)
	if err != nil {
		return err
	}
	if err = made.Register(&Talk{}, nil, server.WithInterface(service)); err != nil {
		return err
	}
	go func() { must(made.Serve()) }()
	return waitFor(port)
}
