// A control plane made of go-control-plane: its cache and its server, and nothing of Meltemi's. Each line of standard
// input is one snapshot as JSON; each line of standard output says what a client asked or answered.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"sync"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	routeservice "github.com/envoyproxy/go-control-plane/envoy/service/route/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// snapshotLine is one line of input. The resources are in protobuf: that this program can read them with its own types
// is a part of what is tested.
type snapshotLine struct {
	Node      string
	Version   string
	Clusters  [][]byte
	Endpoints [][]byte
	Listeners [][]byte
	Routes    [][]byte
}

// event is one line of output.
type event struct {
	Kind    string // open, ask, ack, nack, port
	Delta   bool
	Type    string
	Node    string
	Names   []string
	Version string // of the client, in state-of-the-world
	Nonce   string
	Error   string
	Port    int
}

var output sync.Mutex

func tell(e event) {
	output.Lock()
	defer output.Unlock()
	line, err := json.Marshal(e)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(line))
}

func tellRequest(e event, node *corev3.Node, fault *status.Status) {
	e.Node = node.GetId()
	switch {
	case fault != nil:
		e.Kind, e.Error = "nack", fault.GetMessage()
	case e.Nonce != "":
		e.Kind = "ack"
	default:
		e.Kind = "ask"
	}
	tell(e)
}

func callbacks() server.Callbacks {
	return server.CallbackFuncs{
		StreamOpenFunc: func(_ context.Context, _ int64, url string) error {
			tell(event{Kind: "open", Type: url})
			return nil
		},
		DeltaStreamOpenFunc: func(_ context.Context, _ int64, url string) error {
			tell(event{Kind: "open", Type: url, Delta: true})
			return nil
		},
		StreamRequestFunc: func(_ int64, r *discovery.DiscoveryRequest) error {
			e := event{Type: r.GetTypeUrl(), Names: r.GetResourceNames(), Version: r.GetVersionInfo(), Nonce: r.GetResponseNonce()}
			tellRequest(e, r.GetNode(), r.GetErrorDetail())
			return nil
		},
		StreamDeltaRequestFunc: func(_ int64, r *discovery.DeltaDiscoveryRequest) error {
			e := event{Delta: true, Type: r.GetTypeUrl(), Names: r.GetResourceNamesSubscribe(), Nonce: r.GetResponseNonce()}
			tellRequest(e, r.GetNode(), r.GetErrorDetail())
			return nil
		},
	}
}

func decode[T types.Resource](all [][]byte, make func() T) ([]types.Resource, error) {
	resources := []types.Resource{}
	for _, bytes := range all {
		message := make()
		if err := (proto.UnmarshalOptions{}).Unmarshal(bytes, message); err != nil {
			return nil, err
		}
		resources = append(resources, message)
	}
	return resources, nil
}

func snapshotOf(line snapshotLine) (*cache.Snapshot, error) {
	clusters, err := decode(line.Clusters, func() *clusterv3.Cluster { return &clusterv3.Cluster{} })
	if err != nil {
		return nil, err
	}
	endpoints, err := decode(line.Endpoints, func() *endpointv3.ClusterLoadAssignment { return &endpointv3.ClusterLoadAssignment{} })
	if err != nil {
		return nil, err
	}
	listeners, err := decode(line.Listeners, func() *listenerv3.Listener { return &listenerv3.Listener{} })
	if err != nil {
		return nil, err
	}
	routes, err := decode(line.Routes, func() *routev3.RouteConfiguration { return &routev3.RouteConfiguration{} })
	if err != nil {
		return nil, err
	}
	return cache.NewSnapshot(line.Version, map[resource.Type][]types.Resource{
		resource.ClusterType:  clusters,
		resource.EndpointType: endpoints,
		resource.ListenerType: listeners,
		resource.RouteType:    routes,
	})
}

func main() {
	port := flag.Int("port", 0, "where to listen on 127.0.0.1; 0: anywhere")
	flag.Parse()
	ctx := context.Background()
	snapshots := cache.NewSnapshotCache(true, cache.IDHash{}, nil)
	xds := server.NewServer(ctx, snapshots, callbacks())
	grpcServer := grpc.NewServer()
	discovery.RegisterAggregatedDiscoveryServiceServer(grpcServer, xds)
	routeservice.RegisterRouteDiscoveryServiceServer(grpcServer, xds)
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		if err := grpcServer.Serve(listener); err != nil {
			log.Fatal(err)
		}
	}()
	tell(event{Kind: "port", Port: listener.Addr().(*net.TCPAddr).Port})
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64*1024*1024)
	for lines.Scan() {
		var line snapshotLine
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			log.Fatal(err)
		}
		snapshot, err := snapshotOf(line)
		if err != nil {
			log.Fatal(err)
		}
		if err := snapshots.SetSnapshot(ctx, line.Node, snapshot); err != nil {
			log.Fatal(err)
		}
	}
}
