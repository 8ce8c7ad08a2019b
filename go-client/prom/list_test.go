package prom

import (
	"os"
	"strings"
	"testing"
)

func TestTheMetricsAreThoseOfTheList(t *testing.T) {
	text, err := os.ReadFile("../../docs/METRICS.md")
	if err != nil {
		t.Fatal(err)
	}
	var listed, own []string
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		if !strings.HasPrefix(line, "| `actorbridge_") {
			continue
		}
		for i := range cells {
			cells[i] = strings.Trim(cells[i], " `")
		}
		listed = append(listed, strings.Join(cells[1:5], "|"))
	}
	for _, f := range families {
		kind := "counter"
		if f.kind == gauge {
			kind = "gauge"
		}
		own = append(own, strings.Join([]string{f.name, kind, strings.Join(f.labels, ", "), f.help}, "|"))
	}
	if strings.Join(own, "\n") != strings.Join(listed, "\n") {
		t.Errorf("listed:\n%s\nthe package's:\n%s", strings.Join(listed, "\n"), strings.Join(own, "\n"))
	}
}
