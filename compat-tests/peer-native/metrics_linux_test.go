package main

import (
	"bufio"
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

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/native"
	"github.com/actorbridge/actorbridge/go-client/prom"
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

func TestARustProgramAnswersPrometheus(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "rust.sock")
	program := exec.CommandContext(t.Context(), rustPeer,
		"--listen", "unix://"+socket, "--node", "rust", "--metrics", "127.0.0.1:0", "--until-stdin-closes")
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
	defer func() {
		stdin.Close()
		if err := program.Wait(); err != nil {
			t.Error(err)
		}
	}()
	line, err := bufio.NewReader(stdout).ReadString('\n')
	url, found := strings.CutPrefix(strings.TrimSpace(line), "metrics ")
	if err != nil || !found {
		t.Fatalf("it says %q, %v", line, err)
	}
	families := scrape(t, url)
	for _, name := range []string{"actorbridge_uptime_seconds", "actorbridge_refusals_total", "process_resident_memory_bytes"} {
		if families[name] == nil {
			t.Errorf("there is no %s", name)
		}
	}
}
