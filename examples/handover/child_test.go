package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// program is a shell script that stands for the Rust process.
func program(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheChildListensAndEndsWithItsStandardInput(t *testing.T) {
	child, err := startChild(t.Context(), program(t, `echo "listening tcp://127.0.0.1:$#"; echo more; cat >&2`))
	if err != nil {
		t.Fatal(err)
	}
	if child.address != "tcp://127.0.0.1:5" {
		t.Errorf("it listens at %q", child.address)
	}
	if err := child.end(time.Minute); err != nil {
		t.Error(err)
	}
}

func TestAChildThatIgnoresItsEndIsKilled(t *testing.T) {
	child, err := startChild(t.Context(), program(t, "echo listening here; echo busy >&2; exec sleep 600"))
	if err != nil {
		t.Fatal(err)
	}
	err = child.end(10 * time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "was killed") {
		t.Errorf("its end: %v", err)
	}
}

func TestAChildThatDoesNotListenIsAnErrorThatSaysWhatItSaid(t *testing.T) {
	for name, c := range map[string]struct{ program, want string }{
		"fails at once":     {program(t, "echo no port is free >&2; exit 3"), "exit status 3; it said: no port is free"},
		"ends saying less":  {program(t, "echo hello"), "said nothing of where it listens"},
		"is not there":      {filepath.Join(t.TempDir(), "none"), "`make demo` builds it"},
		"says far too much": {program(t, "yes | head -c 1000000; exit 1"), "exit status 1"},
	} {
		_, err := startChild(t.Context(), c.program)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnErrorOfTheChildKeepsTheEndOfWhatItSaid(t *testing.T) {
	var said tail
	for range 100 {
		if _, err := said.Write([]byte(strings.Repeat("x", 50))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := said.Write([]byte(strings.Repeat("y", 3*maxSaid) + "the end\n")); err != nil {
		t.Fatal(err)
	}
	if text := said.String(); !strings.HasSuffix(text, "the end") || len(text) > maxSaid+len("; it said: ") {
		t.Errorf("%d bytes: %.20q…", len(text), text)
	}
}
