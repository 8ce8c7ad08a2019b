package prom_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest"
	actorbridgev1 "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/prom"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// scrape is what a server answers, read by Prometheus's own parser, which finds nothing to complain of.
func scrape(t *testing.T, url string) map[string]*dto.MetricFamily {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	must(t, err)
	answer, err := http.DefaultClient.Do(request)
	must(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	must(t, err)
	problems, err := promlint.New(strings.NewReader(string(text))).Lint()
	must(t, err)
	for _, problem := range problems {
		t.Errorf("%s: %s", problem.Metric, problem.Text)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(text)))
	must(t, err)
	return families
}

// value is that of the series with these labels.
func value(t *testing.T, family *dto.MetricFamily, labels map[string]string) float64 {
	t.Helper()
	for _, metric := range family.GetMetric() {
		matches := 0
		for _, label := range metric.Label {
			if labels[label.GetName()] == label.GetValue() {
				matches++
			}
		}
		if matches >= len(labels) {
			return metric.GetGauge().GetValue() + metric.GetCounter().GetValue()
		}
	}
	t.Errorf("%s has no series with %v", family.GetName(), labels)
	return 0
}

func TestAScrapeIsReadByPrometheusAndHasTheNodeTheRuntimeAndTheProcess(t *testing.T) {
	b := abtest.Start(t, "b")
	a := abtest.Start(t, "a", ab.WithLink(abtest.Door(b)))
	_, err := a.SpawnLoop("reader", func(_ ab.Context, in *ab.Inbox) error {
		for range in.All() {
		}
		return nil
	})
	must(t, err)
	system, err := a.Ref("ab://b/system")
	must(t, err)
	_, err = a.Ask(t.Context(), system, &actorbridgev1.StatusRequest{})
	must(t, err)
	server, err := prom.Listen(a, "127.0.0.1:0")
	must(t, err)
	defer server.Close()
	families := scrape(t, server.URL())
	for name, labels := range map[string]map[string]string{
		"actorbridge_links":             {"system": "a"},
		"actorbridge_actors":            {"system": "a"},
		"actorbridge_node_info":         {"system": "a", "language": "go"},
		"actorbridge_link_frames_total": {"system": "a", "peer": "b", "direction": "received"},
		"go_goroutines":                 {},
		"process_resident_memory_bytes": {},
		"actorbridge_uptime_seconds":    {"system": "a"},
		"actorbridge_link_bytes_total":  {"system": "a", "peer": "", "direction": "sent"},
		"go_memstats_heap_objects":      {},
		"process_start_time_seconds":    {},
		"go_gc_duration_seconds":        {},
	} {
		if families[name] == nil {
			t.Errorf("there is no %s", name)
		} else if name != "go_gc_duration_seconds" && value(t, families[name], labels) <= 0 {
			t.Errorf("%s is not above 0", name)
		}
	}
	value(t, families["actorbridge_mailbox_messages"], map[string]string{"actor": "reader", "dispatcher": "loop"})
	if n := len(families["actorbridge_refusals_total"].GetMetric()); n < 18 {
		t.Errorf("only %d reasons of refusals have a series", n)
	}
}

func TestMetricsAreForThisMachineUnlessToldOtherwise(t *testing.T) {
	node := abtest.Start(t, "a")
	if _, err := prom.Listen(node, "0.0.0.0:0"); err == nil || !strings.Contains(err.Error(), "prom.BeyondLoopback") {
		t.Errorf("it is %v", err)
	}
	open, err := prom.Listen(node, "0.0.0.0:0", prom.BeyondLoopback())
	must(t, err)
	open.Close()
	first, err := prom.Listen(node, "127.0.0.1:0")
	must(t, err)
	taken := strings.TrimSuffix(strings.TrimPrefix(first.URL(), "http://"), "/metrics")
	if _, err := prom.Listen(node, taken); err == nil || !strings.Contains(err.Error(), taken) {
		t.Errorf("an address that is taken is %v", err)
	}
	first.Close()
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, first.URL(), nil)
	must(t, err)
	if answer, err := http.DefaultClient.Do(request); err == nil {
		answer.Body.Close()
		t.Error("it answers when it is closed")
	}
}
