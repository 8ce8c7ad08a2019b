package machine

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const traceFolder = "../../../compat-tests/traces"

// recordedTraces is every trace, by its file's name.
func recordedTraces(t testing.TB) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(traceFolder, "*.trace"))
	if err != nil || len(paths) < 16 {
		t.Fatalf("%d traces are in %s (%v)", len(paths), traceFolder, err)
	}
	traces := make(map[string]string)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		traces[filepath.Base(path)] = string(text)
	}
	return traces
}

// difference is the first line in which a trace is not what the machines answer to its events, or nothing.
func difference(name, trace string) string {
	var p player
	for text := range strings.SplitSeq(strings.TrimSuffix(trace, "\n"), "\n") {
		if !strings.HasPrefix(text, "<") {
			p.line(text)
		}
	}
	return compareTrace(name, trace, p.lines)
}

func compareTrace(name, trace string, now []string) string {
	said := strings.Split(strings.TrimSuffix(trace, "\n"), "\n")
	side := func(lines []string, i int) string {
		if i < len(lines) {
			return lines[i]
		}
		return "the end"
	}
	for i := range max(len(said), len(now)) {
		if i >= len(said) || i >= len(now) || said[i] != now[i] {
			return fmt.Sprintf("compat-tests/traces/%s:%d:\n  the trace says   %s\n  the machine says %s",
				name, i+1, side(said, i), side(now, i))
		}
	}
	return ""
}

func TestTheMachinesAnswerEveryTraceOfBothLanguages(t *testing.T) {
	for name, trace := range recordedTraces(t) {
		t.Run(name, func(t *testing.T) {
			if wrong := difference(name, trace); wrong != "" {
				t.Error(wrong)
			}
		})
	}
}

// TestTheTracesAreWhatGoRecordsToday records them with TRACES=record; `make traces` does so in both languages.
func TestTheTracesAreWhatGoRecordsToday(t *testing.T) {
	recorded := recordedTraces(t)
	for name, trace := range walks() {
		text := strings.Join(trace, "\n") + "\n"
		if os.Getenv("TRACES") == "record" {
			if err := os.WriteFile(filepath.Join(traceFolder, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		} else if stale := compareTrace(name, recorded[name], trace); stale != "" {
			t.Errorf("stale, or a change of behaviour; `make traces` records again.\n%s", stale)
		}
		delete(recorded, name)
	}
	for name := range recorded {
		if strings.HasPrefix(name, "go-") {
			t.Errorf("nothing records %s; delete it", name)
		}
	}
}

func TestAChangedAnswerIsNamedByFileAndLine(t *testing.T) {
	trace := recordedTraces(t)["supervisor.trace"]
	before, _, found := strings.Cut(trace, "< stop restarts=2")
	if !found {
		t.Fatal("the trace has no stop")
	}
	changed := strings.Replace(trace, "< stop restarts=2", "< restart restarts=3", 1)
	want := fmt.Sprintf("compat-tests/traces/supervisor.trace:%d:\n  the trace says   < restart restarts=3\n"+
		"  the machine says < stop restarts=2", strings.Count(before, "\n")+1)
	if said := difference("supervisor.trace", changed); said != want {
		t.Errorf("it says\n%s\nnot\n%s", said, want)
	}
	if said := difference("supervisor.trace", before); !strings.Contains(said, "the trace says   the end") {
		t.Errorf("a missing answer is told as %q", said)
	}
}
