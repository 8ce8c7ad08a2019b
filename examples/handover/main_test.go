package main

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/actorbridge/actorbridge/examples/handover/rows"
)

func TestArgumentsAreReadOrRefusedInOneLine(t *testing.T) {
	args, err := parse([]string{"--doors", "remote", "--rust", "/a b/c", "--", "--a file"}, &bytes.Buffer{})
	if err != nil || args.file != "--a file" || args.rust != "/a b/c" || len(args.doors) != 1 || args.json != "target/demo.json" {
		t.Errorf("%+v, %v", args, err)
	}
	var help bytes.Buffer
	if _, err := parse([]string{"--help"}, &help); !errors.Is(err, flag.ErrHelp) || !strings.Contains(help.String(), "usage: handover") {
		t.Errorf("%v, and %q", err, help.String())
	}
	for want, given := range map[string][]string{
		"one FILE is wanted, 0 are given": {},
		"one FILE is wanted, 2 are given": {"a", "b"},
		`"radio" is not a door`:           {"--doors", "remote,radio", "a"},
		"-fast":                           {"--fast", "a"},
	} {
		_, err := parse(given, &bytes.Buffer{})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", given, err)
		}
	}
}

func TestTheFirstMalformedRowsAreReportedAndTheOthersCounted(t *testing.T) {
	for bad, last := range map[int]string{
		0:  "",
		1:  "line 2: 1 fields instead of 19: skipped",
		20: "line 21: 1 fields instead of 19: skipped",
		21: "1 more malformed row: skipped",
		99: "79 more malformed rows: skipped",
	} {
		path := filepath.Join(t.TempDir(), "bad.csv")
		if err := os.WriteFile(path, []byte(rows.Header+"\n"+strings.Repeat("bad\n", bad)), 0o600); err != nil {
			t.Fatal(err)
		}
		found, err := count(t.Context(), path, &bar{})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		found.report(&out)
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if found.Skipped != uint64(bad) || len(lines) > shownMalformed+1 || lines[len(lines)-1] != last {
			t.Errorf("%d malformed rows: counted %d, reported in %d lines, the last %q", bad, found.Skipped, len(lines), lines[len(lines)-1])
		}
	}
}

func TestMoreCarriersThanAnActorKeepsAreRefusedBeforeAnythingStarts(t *testing.T) {
	var text bytes.Buffer
	text.WriteString(rows.Header)
	for n := range 4097 {
		text.WriteString("\n" + strings.Repeat(",", 9) + strings.Repeat("x", n+1) + strings.Repeat(",", 9))
	}
	path := filepath.Join(t.TempDir(), "many.csv")
	if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := count(t.Context(), path, &bar{}); err == nil || !strings.Contains(err.Error(), "more than 4096 carriers") {
		t.Errorf("counted with %v", err)
	}
}

func TestTheMovesAreAtHalfAndAtThreeQuarters(t *testing.T) {
	for rows, want := range map[uint64][2]uint64{0: {0, 0}, 1: {0, 1}, 4: {2, 3}, 1_000: {500, 750}} {
		if got := steps(rows); got[0] != (step{want[0], rustNode}) || got[1] != (step{want[1], goNode}) {
			t.Errorf("%d rows: %v", rows, got)
		}
	}
}

func TestSlicesOfRowsEndWhereAMoveIsDue(t *testing.T) {
	m := &mover{pending: steps(1_000), asked: make(chan step, 2)}
	for _, c := range []struct {
		sent, most uint64
		asked      int
	}{{0, 500, 0}, {500, 250, 1}, {600, 150, 1}, {750, slice, 2}, {1_000, slice, 2}} {
		if most := m.next(c.sent); most != c.most || len(m.asked) != c.asked {
			t.Errorf("after %d rows: the next %d, %d moves asked for; want %+v", c.sent, most, len(m.asked), c)
		}
	}
}

func TestTheBarIsOneLineOfAUsualTerminal(t *testing.T) {
	for _, c := range []struct {
		row, total uint64
		want       string
	}{
		{7, 0, "native    7 rows"},
		{0, 4, "native    [                              ]   0 %         0 msg/s"},
		{2, 4, "native    [===============               ]  50 %         2 msg/s"},
		{9, 4, "native    [==============================] 100 %         9 msg/s"},
		{1 << 62, 1 << 63, "native    [===============               ]  50 % 4611686018427387904 msg/s"},
	} {
		b := bar{label: "native", total: c.total}
		if line := b.line(c.row, time.Second); line != c.want || len(line) > 78 {
			t.Errorf("row %d of %d: %q, want %q", c.row, c.total, line, c.want)
		}
	}
}

func TestNothingIsDrawnWhereNoPersonLooks(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if isTerminal(file) {
		t.Error("a file is no terminal")
	}
	b := bar{}
	b.show(1 << 20)
	b.clear()
}
