// dubbo-go as a peer; arguments and output as those of the Java peer, with fewer calls.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	_ "dubbo.apache.org/dubbo-go/v3/imports"
	"dubbo.apache.org/dubbo-go/v3/remoting/getty"
	"github.com/dubbogo/gost/log/logger"
)

const (
	service = "meltemi.peer.Talk"
	text    = "καλημέρα 😀"
)

var isServer bool

func main() {
	logger.SetLoggerLevel("error")
	options := make(map[string]string)
	for _, argument := range os.Args[2:] {
		name, value, _ := strings.Cut(argument, "=")
		options[name] = value
	}
	isServer = os.Args[1] == "server"
	if isServer {
		must(serve(options))
		fmt.Println(options["port"])
		_, _ = io.Copy(io.Discard, os.Stdin)
		return
	}
	if period := options["heartbeat"]; period != "" {
		config := *getty.GetDefaultClientConfig()
		config.HeartbeatPeriod = period + "ms"
		getty.SetClientConf(config)
	}
	callers := &callers{byPort: make(map[string]*talk)}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		port, name, _ := strings.Cut(lines.Text(), " ")
		callers.call(port, name)
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
