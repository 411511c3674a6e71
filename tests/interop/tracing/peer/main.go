// A collector of spans that consists of OpenTelemetry's own receiver and prints what it gets, one JSON object a line.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"sync"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
)

func main() {
	grpcPort := flag.Int("grpc", 0, "port for gRPC")
	httpPort := flag.Int("http", 0, "port for HTTP")
	flag.Parse()
	if err := run(*grpcPort, *httpPort); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(grpcPort, httpPort int) error {
	factory := otlpreceiver.NewFactory()
	config := factory.CreateDefaultConfig()
	conf := confmap.NewFromStringMap(map[string]any{
		"protocols": map[string]any{
			"grpc": map[string]any{"endpoint": fmt.Sprintf("127.0.0.1:%d", grpcPort)},
			"http": map[string]any{"endpoint": fmt.Sprintf("127.0.0.1:%d", httpPort)},
		},
	})
	if err := conf.Unmarshal(config); err != nil {
		return err
	}
	sink, err := consumer.NewTraces(print())
	if err != nil {
		return err
	}
	ctx := context.Background()
	receiver, err := factory.CreateTraces(ctx, receivertest.NewNopSettings(factory.Type()), config, sink)
	if err != nil {
		return err
	}
	if err := receiver.Start(ctx, componenttest.NewNopHost()); err != nil {
		return err
	}
	fmt.Println("ready")
	// until whoever has started it closes its input, or ends
	for input := bufio.NewScanner(os.Stdin); input.Scan(); {
	}
	return receiver.Shutdown(ctx)
}

func print() consumer.ConsumeTracesFunc {
	var lock sync.Mutex
	marshaler := &ptrace.JSONMarshaler{}
	return func(_ context.Context, traces ptrace.Traces) error {
		line, err := marshaler.MarshalTraces(traces)
		if err != nil {
			return err
		}
		lock.Lock()
		defer lock.Unlock()
		fmt.Println(string(line))
		return nil
	}
}
