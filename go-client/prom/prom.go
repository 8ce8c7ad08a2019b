// Package prom shows a node's metrics to Prometheus: docs/METRICS.md is the list of them. A Rust node in the same process, by the
// native door, is shown too.
//
// [Listen] answers scrapes. A program that has a registry of its own registers a [Collector] there instead.
package prom

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	ab "github.com/actorbridge/actorbridge/go-client"
	actorbridgev1 "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

const (
	// mailboxSeries is the most actors whose mailboxes have a series each.
	mailboxSeries = 200
	// neighbourTime is how long a node of this process may take to say how it is.
	neighbourTime = time.Second
	// requestTime is how long a scrape may take to be read, or written.
	requestTime = 10 * time.Second
)

// An Option changes how metrics are shown.
type Option func(*options)

type options struct{ beyondLoopback bool }

// BeyondLoopback allows an address that other machines can reach. There is no TLS, and whoever asks is answered.
func BeyondLoopback() Option { return func(o *options) { o.beyondLoopback = true } }

// A Server answers scrapes.
type Server struct {
	http *http.Server
	url  string
	done chan struct{}
}

// Listen answers GET /metrics at address, such as "127.0.0.1:9464" (port 0 = any free one), with the metrics of the node, of Go's
// runtime and of the process, until Close. It fails for an address that other machines can reach, unless that is allowed.
func Listen(node *ab.Node, address string, opts ...Option) (*Server, error) {
	var o options
	for _, set := range opts {
		set(&o)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("no metrics are to be had at %s: %w", address, err)
	}
	bound := listener.Addr().String()
	if at, err := netip.ParseAddrPort(bound); !o.beyondLoopback && (err != nil || !at.Addr().IsLoopback()) {
		_ = listener.Close()
		return nil, fmt.Errorf("no metrics are to be had at %s: they are for this machine only, unless other machines are allowed: use "+
			"prom.BeyondLoopback if the network is trusted", address)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", Handler(node))
	s := &Server{
		http: &http.Server{Handler: mux, ReadHeaderTimeout: requestTime, WriteTimeout: requestTime},
		url:  "http://" + bound + "/metrics", done: make(chan struct{}),
	}
	go func() {
		defer close(s.done)
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			node.Logger().Error("no metrics are to be had any more", "address", bound, "err", err)
		}
	}()
	return s, nil
}

// URL is where the metrics are.
func (s *Server) URL() string { return s.url }

// Close ends the server, and scrapes that are under way.
func (s *Server) Close() {
	_ = s.http.Close()
	<-s.done
}

// Handler answers scrapes, in a server of the program's own: of the node, of Go's runtime and of the process.
func Handler(node *ab.Node) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(Collector(node), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

// Collector is for a registry of the program's own: the metrics of the node, and of the nodes in the same process.
func Collector(node *ab.Node) prometheus.Collector {
	c := &collector{node: node}
	for _, f := range families {
		c.descs = append(c.descs, prometheus.NewDesc(f.name, f.help, append([]string{"system"}, f.labels...), nil))
	}
	return c
}

type collector struct {
	node  *ab.Node
	descs []*prometheus.Desc
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range c.descs {
		out <- desc
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	request := &actorbridgev1.StatusRequest{MostActors: mailboxSeries}
	own := c.node.Status(request)
	c.tell(own, out)
	for _, link := range own.Links {
		if !link.SharedMemory || !link.Up {
			continue
		}
		if status, err := c.neighbour(link.Peer, request); err == nil {
			c.tell(status, out)
		} else {
			c.node.Logger().Warn("the metrics of a node in this process are missing", "peer", link.Peer, "err", err)
		}
	}
}

// neighbour is the status of another node.
func (c *collector) neighbour(peer string, request *actorbridgev1.StatusRequest) (*actorbridgev1.NodeStatus, error) {
	system, err := c.node.Ref("ab://" + peer + "/system")
	if err != nil {
		return nil, err
	}
	return ab.Ask[*actorbridgev1.NodeStatus](context.Background(), system, request, ab.Timeout(neighbourTime))
}

func (c *collector) tell(status *actorbridgev1.NodeStatus, out chan<- prometheus.Metric) {
	for i, f := range families {
		f.samples(status, func(value float64, labels ...string) {
			out <- prometheus.MustNewConstMetric(c.descs[i], f.kind, value, append([]string{status.Node}, labels...)...)
		})
	}
}
