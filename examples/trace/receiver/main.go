// Command receiver stands for an OpenTelemetry collector: it receives spans by OTLP over gRPC, says where on its first line, and
// prints them as trees when its standard input is closed.
package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
)

// span is one span, and the service that it is of.
type span struct {
	service string
	*otlp.Span
}

// receiver keeps all spans.
type receiver struct {
	collector.UnimplementedTraceServiceServer
	mu    sync.Mutex
	spans []span
}

// Export implements the collector's service.
func (r *receiver) Export(_ context.Context, in *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, of := range in.ResourceSpans {
		service := ""
		for _, a := range of.Resource.GetAttributes() {
			if a.Key == "service.name" {
				service = a.Value.GetStringValue()
			}
		}
		for _, scope := range of.ScopeSpans {
			for _, s := range scope.Spans {
				r.spans = append(r.spans, span{service, s})
			}
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

// print prints the spans of a trace whose parent is the one with this id, those below them further in.
func (r *receiver) print(trace, parent []byte, depth int) {
	for _, s := range r.spans {
		if !slices.Equal(s.TraceId, trace) || !slices.Equal(s.ParentSpanId, parent) {
			continue
		}
		kind := strings.ToLower(strings.TrimPrefix(s.Kind.String(), "SPAN_KIND_"))
		fmt.Printf("%s%s: %s (%s)\n", strings.Repeat("  ", depth), s.service, s.Name, kind)
		r.print(trace, s.SpanId, depth+1)
	}
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	r, server := &receiver{}, grpc.NewServer()
	collector.RegisterTraceServiceServer(server, r)
	go func() { _ = server.Serve(listener) }()
	fmt.Printf("http://%s\n", listener.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
	server.GracefulStop()
	slices.SortStableFunc(r.spans, func(a, b span) int { return cmp.Compare(a.StartTimeUnixNano, b.StartTimeUnixNano) })
	for _, s := range r.spans {
		if len(s.ParentSpanId) == 0 {
			r.print(s.TraceId, nil, 0)
		}
	}
}
