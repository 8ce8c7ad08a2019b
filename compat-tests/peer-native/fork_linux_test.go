package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime/pprof"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	"github.com/actorbridge/actorbridge/go-client/native"
)

func TestAChildProcessHasNothingOfTheLinksThatAreOpenedBesideIt(t *testing.T) {
	w := newWorld(t)
	d := native.Door(native.Name("rust"), native.Grace(0))
	w.dial(d)
	w.spawn("echo/x")
	var wrong first
	var stop atomic.Bool
	children := func() {
		defer stop.Store(true)
		for range rounds(t, 50) {
			wrong.note(child())
		}
	}
	traffic := func() {
		for !stop.Load() {
			_, err := ask[*testpb.EchoReply](w, "ab:///echo/x", &testpb.EchoRequest{Text: "x"})
			wrong.note(err)
		}
	}
	// A descriptor is in a child if it has no close-on-exec for a moment: so links are opened meanwhile.
	links := func() {
		for !stop.Load() {
			node, err := ab.Start(t.Context(), "go2", ab.WithLink(d), ab.WithLogger(slog.New(slog.DiscardHandler)))
			wrong.note(err)
			if err == nil {
				wrong.note(node.Shutdown(t.Context()))
			}
		}
	}
	w.together("the children end", children, traffic, links)
	if wrong.err != nil {
		t.Error(wrong.err)
	}
}

// child starts a program that waits, looks at what it has open, and ends it.
func child() error {
	cat := exec.Command("cat")
	in, err := cat.StdinPipe()
	if err != nil {
		return err
	}
	if err := cat.Start(); err != nil { // when it returns, the child is the program
		return err
	}
	folder := fmt.Sprintf("/proc/%d/fd/", cat.Process.Pid)
	files, err := os.ReadDir(folder)
	for _, file := range files {
		to, _ := os.Readlink(folder + file.Name())
		if strings.Contains(to, "anon_inode") || strings.Contains(to, "memfd") || strings.Contains(to, "actorbridge") {
			err = errors.Join(err, fmt.Errorf("a child process has %s as descriptor %s", to, file.Name()))
		}
	}
	return errors.Join(err, in.Close(), cat.Wait())
}

func TestStormsOfSignalsAndEndingChildrenCostNoMessage(t *testing.T) {
	w := newWorld(t)
	w.dial(native.Door(native.Name("rust")))
	w.spawn("counter/x")
	w.spawnGo("echo", func(_ ab.Context, m *ab.Message) error { return m.Reply(&testpb.EchoReply{}) })
	w.spawn("through/x")
	if err := pprof.StartCPUProfile(io.Discard); err != nil { // the timer's SIGPROF on every thread that runs
		t.Fatal(err)
	}
	defer pprof.StopCPUProfile()
	var wrong first
	var stop atomic.Bool
	var asked atomic.Uint64
	// The kernel gives a signal for the process to any thread that takes it, of Go or Rust.
	signals := func() {
		for !stop.Load() {
			for _, signal := range []syscall.Signal{syscall.SIGCHLD, syscall.SIGPROF, syscall.SIGURG} {
				wrong.note(syscall.Kill(os.Getpid(), signal))
			}
		}
	}
	children := func() {
		defer stop.Store(true)
		for range rounds(t, 100) {
			wrong.note(exec.CommandContext(context.Background(), "true").Run())
		}
	}
	toRust := func() {
		for !stop.Load() {
			_, err := ask[*testpb.Count](w, "ab:///counter/x", &testpb.Add{By: 1})
			wrong.note(err)
			asked.Add(1)
		}
	}
	toGo := func() {
		for !stop.Load() {
			through := &testpb.AskThrough{Target: "ab://go/echo", TimeoutMs: uint32(patience.Milliseconds())}
			_, err := ask[*testpb.EchoReply](w, "ab:///through/x", through)
			wrong.note(err)
		}
	}
	w.together("the storm ends", signals, children, toRust, toRust, toGo)
	if wrong.err != nil {
		t.Fatal(wrong.err)
	}
	if count := w.count("ab:///counter/x"); count.Handled != asked.Load() {
		t.Errorf("%d messages were handled of %d", count.Handled, asked.Load())
	}
}

func TestABrokenPipeOnARustThreadDoesNotEndTheProcess(t *testing.T) {
	for i := range 10 { // also on threads that have just begun, and on those of nodes that end
		t.Run(fmt.Sprint("node ", i), aBrokenPipeOnEachThread)
	}
}

func aBrokenPipeOnEachThread(t *testing.T) {
	w := newWorld(t)
	w.dial(native.Door(native.Name("rust")))
	sent := 0
	for _, thread := range nodeThreads(t) {
		process, signal := uintptr(os.Getpid()), uintptr(syscall.SIGPIPE)
		if _, _, failed := syscall.Syscall(syscall.SYS_TGKILL, process, uintptr(thread), signal); failed == 0 {
			sent++
		}
	}
	if sent == 0 {
		t.Fatal("the Rust node has no thread")
	}
	w.spawn("counter/x")
	w.count("ab:///counter/x")
}
