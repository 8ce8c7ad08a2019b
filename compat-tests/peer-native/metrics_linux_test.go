package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	ab "github.com/actorbridge/actorbridge/go-client"
	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/native"
	"github.com/actorbridge/actorbridge/go-client/prom"
	"github.com/actorbridge/actorbridge/go-client/remote"
)

// rustPeer is the Rust peer as a program of its own.
const rustPeer = "../../target/compat/compat-peer-rust"

// scrape is what is answered at a URL, read by Prometheus's own parser, which finds nothing to complain of.
func scrape(t *testing.T, url string) map[string]*dto.MetricFamily {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.New(strings.NewReader(string(text))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Errorf("%s: %s", problem.Metric, problem.Text)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// shapes are the node's metrics: the name, the type and the labels of each, and whether the system of this name has it.
func shapes(families map[string]*dto.MetricFamily, system string) []string {
	var all []string
	for name, family := range families {
		if !strings.HasPrefix(name, "actorbridge_") {
			continue
		}
		for _, metric := range family.Metric {
			var labels []string
			ofSystem := false
			for _, label := range metric.Label {
				labels = append(labels, label.GetName())
				ofSystem = ofSystem || label.GetName() == "system" && label.GetValue() == system
			}
			slices.Sort(labels)
			if shape := name + " " + family.GetType().String() + " " + strings.Join(labels, " "); ofSystem && !slices.Contains(all, shape) {
				all = append(all, shape)
			}
		}
	}
	slices.Sort(all)
	return all
}

func TestOneScrapeShowsBothNodesOfTheProcess(t *testing.T) {
	w := newWorld(t)
	w.dial(native.Door(native.Name("rust")))
	w.spawn("counter/metrics")
	w.tell("ab:///counter/metrics", &pb.StopReply{}) // which it does not handle: a dead letter of both
	w.until("the dead letter", func() bool { return len(w.node.DeadLetters()) == 1 })
	server, err := prom.Listen(w.node, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	families := scrape(t, server.URL())
	ofGo, ofRust := shapes(families, w.node.Name()), shapes(families, "rust")
	// Go's heap is a metric of its runtime. AddressSanitizer's malloc does not say what it has given out.
	heap := slices.IndexFunc(ofRust, func(shape string) bool { return strings.HasPrefix(shape, "actorbridge_rust_heap_bytes ") })
	if heap < 0 && !instrumented {
		t.Fatalf("the Rust node says nothing of its heap:\n%s", strings.Join(ofRust, "\n"))
	}
	if heap >= 0 {
		ofRust = slices.Delete(ofRust, heap, heap+1)
	}
	if len(ofGo) < 12 || !slices.Equal(ofGo, ofRust) {
		t.Errorf("of the Go node:\n%s\nof the Rust node:\n%s", strings.Join(ofGo, "\n"), strings.Join(ofRust, "\n"))
	}
	if families["go_goroutines"] == nil || families["process_resident_memory_bytes"] == nil {
		t.Error("there is nothing of the process")
	}
}

// rustProgram starts the Rust peer, which ends with the test: where it listens, and where its metrics are.
func rustProgram(t *testing.T) (address, metrics string) {
	t.Helper()
	address = "unix://" + filepath.Join(t.TempDir(), "rust.sock")
	program := exec.Command(rustPeer,
		"--listen", address, "--node", "rust", "--metrics", "127.0.0.1:0", "--until-stdin-closes")
	stdin, err := program.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := program.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		if err := program.Wait(); err != nil {
			t.Error(err)
		}
	})
	lines := bufio.NewReader(stdout)
	said := func(what string) string {
		line, err := lines.ReadString('\n')
		at, found := strings.CutPrefix(strings.TrimSpace(line), what+" ")
		if err != nil || !found {
			t.Fatalf("it says %q, %v", line, err)
		}
		return at
	}
	metrics = said("metrics")
	said("listening")
	return address, metrics
}

// series is the type of each metric that has any, and the labels of its series.
func series(families map[string]*dto.MetricFamily) map[string]string {
	all := make(map[string]string)
	for name, family := range families {
		for _, metric := range family.Metric {
			var labels []string
			for _, label := range metric.Label {
				labels = append(labels, label.GetName())
			}
			slices.Sort(labels)
			all[name] = family.GetType().String() + " " + strings.Join(labels, " ")
		}
	}
	return all
}

func TestTheMetricsOfARustProgramAreThoseOfAGoProgram(t *testing.T) {
	address, metrics := rustProgram(t)
	node, err := ab.Start(t.Context(), "go", ab.WithLink(remote.Door(address)))
	if err != nil {
		t.Fatal(err)
	}
	defer node.Shutdown(context.Background())
	for _, system := range []string{"ab://rust/system", "ab://go/system"} {
		to, err := node.Ref(system)
		if err != nil {
			t.Fatal(err)
		}
		// What it does not handle is a dead letter.
		if err := node.Tell(t.Context(), to, &pb.StopReply{}); err != nil {
			t.Fatal(err)
		}
		// An ask that is answered comes after it.
		if _, err := node.Ask(t.Context(), to, &pb.StatusRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	server, err := prom.Listen(node, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	ofGo, ofRust := series(scrape(t, server.URL())), series(scrape(t, metrics))
	both := 0
	for name, own := range ofRust {
		other, has := ofGo[name]
		if has {
			both++
		}
		if has && other != own {
			t.Errorf("%s is %s of the Rust program, and %s of the Go program", name, own, other)
		}
	}
	if both < 16 {
		t.Errorf("only %d metrics are on both pages: %v, %v", both, ofRust, ofGo)
	}
}
