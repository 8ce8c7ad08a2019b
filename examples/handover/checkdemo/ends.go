package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// end is a way in which a run over one door ends before its time.
type end struct {
	door string
	// ticks of processor time that the Rust process has used when it happens: 0 = as soon as it is there.
	ticks int
	// signal to the demo, or to its Rust process.
	signal syscall.Signal
	toRust bool
	// says is what the demo must say, exit how it must exit.
	says string
	exit int
}

var ends = map[string]end{
	"an interrupt before the actor has moved":    {door: "remote", signal: syscall.SIGINT, says: "interrupted", exit: 130},
	"an interrupt while the actor is elsewhere":  {door: "remote", signal: syscall.SIGINT, ticks: awayTicks, says: "interrupted", exit: 130},
	"an interrupt with Rust in the same process": {door: "native", signal: syscall.SIGINT, says: "interrupted", exit: 130},
	"a request to end":                           {door: "remote", signal: syscall.SIGTERM, ticks: 5, says: "interrupted", exit: 130},
	"a Rust process killed before the move":      {door: "remote", signal: syscall.SIGKILL, toRust: true, says: "signal: killed", exit: 1},
	"a Rust process killed with the actor":       {door: "remote", signal: syscall.SIGKILL, toRust: true, ticks: awayTicks, says: "signal: killed", exit: 1},
}

const (
	// awayTicks are used once the actor has been in Rust for a while: a start takes one or two, and the quarter of the rows that
	// is handled there twice as many as these, if a message takes a microsecond.
	awayTicks = 10
	// longRows is how many rows a run has that is ended before its time.
	longRows = 800_000
	// soon bounds each wait; what waits longer hangs.
	soon = time.Minute
	poll = 2 * time.Millisecond
)

// checkEnd wants the demo to end, to say why in one line, to leave no process behind, and no document.
func checkEnd(folder string, e end) error {
	month := filepath.Join(folder, "long.csv")
	if _, err := os.Stat(month); err != nil {
		if _, err := (Month{Good: longRows, Carriers: 9}).write(month, 9); err != nil {
			return err
		}
	}
	wrapper, pidFile := filepath.Join(folder, "rust"), filepath.Join(folder, "pid")
	_ = os.Remove(pidFile)
	script := fmt.Sprintf("#!/bin/sh\necho $$ >'%s.new' && mv '%s.new' '%s'\nexec '%s' \"$@\"\n", pidFile, pidFile, pidFile, os.Args[2])
	if err := os.WriteFile(wrapper, []byte(script), 0o700); err != nil {
		return err
	}
	var said bytes.Buffer
	command := exec.Command(os.Args[1], "--rust", wrapper, "--doors", e.door, month)
	command.Stderr = &said
	if err := command.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	err := e.provoke(command.Process, pidFile, ended, &said)
	if err != nil {
		_ = command.Process.Kill()
	}
	return err
}

func (e end) provoke(demo *os.Process, pidFile string, ended <-chan error, said *bytes.Buffer) error {
	rust := demo.Pid
	isThere := func() bool { return hasRustThreads(rust) }
	if e.door == "remote" {
		isThere = func() bool { rust = pidIn(pidFile); return rust > 0 && ticksOf(rust) >= e.ticks }
	}
	hasEnded := false
	isOver := func() bool { hasEnded = len(ended) > 0; return hasEnded || isThere() }
	if !eventually(isOver) || hasEnded {
		return fmt.Errorf("the Rust node (process %d) is not there, or has used fewer than %d ticks; has the demo ended: %v; it said %q",
			rust, e.ticks, hasEnded, said)
	}
	victim := demo.Pid
	if e.toRust {
		victim = rust
	}
	if err := syscall.Kill(victim, e.signal); err != nil {
		return err
	}
	select {
	case err := <-ended:
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != e.exit || strings.Count(said.String(), "\n") != 1 ||
			!strings.Contains(said.String(), e.says) {
			return fmt.Errorf("%v, and said %q", err, said)
		}
	case <-time.After(soon):
		return errors.New("it hangs")
	}
	if err := syscall.Kill(rust, 0); !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("the Rust process %d is still there: %v", rust, err)
	}
	if _, err := os.Stat(jsonPath); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s is there: %v", jsonPath, err)
	}
	return nil
}

func eventually(is func() bool) bool {
	for until := time.Now().Add(soon); time.Now().Before(until); time.Sleep(poll) {
		if is() {
			return true
		}
	}
	return false
}

func pidIn(file string) int {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	return pid
}

// hasRustThreads says whether a Rust node runs in the process.
func hasRustThreads(pid int) bool {
	names, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/comm", pid))
	return slices.ContainsFunc(names, func(path string) bool {
		name, err := os.ReadFile(path)
		return err == nil && strings.HasPrefix(string(name), "actorbridge-")
	})
}

// ticksOf is the processor time of a process, of all its threads.
func ticksOf(pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return -1
	}
	// Behind the program's name, which stands in brackets, utime and stime are the 12th and 13th fields.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 13 {
		return -1
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return user + system
}
