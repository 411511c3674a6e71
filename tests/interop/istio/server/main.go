// Command pilot-discovery is that of Istio, from its module: nothing of ours is in it.
package main

import (
	"os"

	"istio.io/istio/pilot/cmd/pilot-discovery/app"
)

func main() {
	if app.NewRootCommand().Execute() != nil {
		os.Exit(-1)
	}
}
