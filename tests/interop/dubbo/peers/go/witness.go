package main

import (
	"context"
	"sync"

	"dubbo.apache.org/dubbo-go/v3/common/constant"
	"dubbo.apache.org/dubbo-go/v3/common/extension"
	"dubbo.apache.org/dubbo-go/v3/filter"
	"dubbo.apache.org/dubbo-go/v3/protocol/base"
	"dubbo.apache.org/dubbo-go/v3/protocol/result"
)

const witnessName = "witness"

var (
	lastLock sync.Mutex
	last     map[string]any
)

// witness is the filter that sends along what the context has, which the client itself does not do, and sees what comes
// along with answers, which it does not tell. That of a server sends something along with an answer.
type witness struct{}

func init() {
	extension.SetFilter(witnessName, func() filter.Filter { return witness{} })
}

func (witness) Invoke(ctx context.Context, invoker base.Invoker, invocation base.Invocation) result.Result {
	if sent, is := ctx.Value(constant.AttachmentKey).(map[string]any); is && !isServer {
		for key, value := range sent {
			invocation.SetAttachment(key, value)
		}
	}
	return invoker.Invoke(ctx, invocation)
}

func (witness) OnResponse(_ context.Context, answer result.Result, _ base.Invoker, invocation base.Invocation) result.Result {
	if isServer {
		if invocation.MethodName() == "attached" {
			// without a version dubbo-go takes the client for one that knows no attachments of answers
			answer.SetAttachments(map[string]any{"shade": "dark 😀", "dubbo": "2.0.2"})
		}
		return answer
	}
	lastLock.Lock()
	defer lastLock.Unlock()
	last = answer.Attachments()
	return answer
}

// answered is what came along with the last answer, nil for nothing.
func answered(key string) any {
	lastLock.Lock()
	defer lastLock.Unlock()
	if value, is := last[key]; is {
		return firstOf(value)
	}
	return nil
}

// firstOf: dubbo-go makes lists of what it gets.
func firstOf(value any) any {
	if list, is := value.([]string); is && len(list) > 0 {
		return list[0]
	}
	return value
}
