//go:build unix

package sidecar_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	"github.com/actorbridge/actorbridge/go-client/door"
	"github.com/actorbridge/actorbridge/go-client/sidecar"
)

// patience is how long a test waits for what must happen.
const patience = time.Minute

// book is a logger's output.
type book struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *book) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *book) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// start starts a node with a link by d, and the log that it writes.
func start(t *testing.T, d door.Door, options ...ab.Option) (*ab.Node, *book, error) {
	t.Helper()
	log := new(book)
	options = append(options, ab.WithLogger(slog.New(slog.NewTextHandler(log, nil))), ab.WithLink(d))
	node, err := ab.Start(t.Context(), "go", options...)
	if err == nil {
		t.Cleanup(func() { shutdown(t, node) })
	}
	return node, log, err
}

func mustStart(t *testing.T, d door.Door, options ...ab.Option) (*ab.Node, *book) {
	t.Helper()
	node, log, err := start(t, d, options...)
	if err != nil {
		t.Fatal(err)
	}
	return node, log
}

func shutdown(t *testing.T, node *ab.Node) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := node.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for until := time.Now().Add(patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("%s did not happen in %v", what, patience)
		}
	}
}

func echo(t *testing.T, node *ab.Node, address string) (*testpb.EchoReply, error) {
	t.Helper()
	ref, err := node.Ref(address)
	if err != nil {
		t.Fatal(err)
	}
	return ab.Ask[*testpb.EchoReply](t.Context(), ref, &testpb.EchoRequest{Text: "hi"}, ab.Timeout(patience))
}

// nothingLeft looks for files that a door might have left behind. For processes, also dead ones, and goroutines see TestMain.
func nothingLeft(t *testing.T) {
	t.Helper()
	if left := sockets(t); len(left) > 0 {
		t.Errorf("files are left: %v", left)
	}
}

// sockets are the folders that doors have made and not removed.
func sockets(t *testing.T) []string {
	t.Helper()
	folders, err := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "ab-*"))
	if err != nil {
		t.Fatal(err)
	}
	return folders
}

func openFiles(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}

func TestTheChildAnswersAndEndsWithItsNodeAndNothingIsLeft(t *testing.T) {
	programs := listenForReports(t)
	files := openFiles(t)
	for range 3 {
		node, _ := mustStart(t, self("shop", sidecar.Node("shop-2")))
		child := programs.next()
		if reply, err := echo(t, node, "ab://shop-2/worker"); err != nil || reply.Text != "hi" {
			t.Errorf("it answers %v, %v", reply, err)
		}
		if left := sockets(t); len(left) > 0 {
			t.Errorf("once the link is up there is still a socket: %v", left)
		}
		shutdown(t, node)
		child.gone()
	}
	nothingLeft(t)
	eventually(t, "the end of every file that it opened", func() bool { return openFiles(t) <= files })
}

func TestTheChildEndsWhenItsParentIsKilled(t *testing.T) {
	programs := listenForReports(t)
	parent := exec.Command(binary())
	parent.Env = append(os.Environ(), asProgram+"=parent", quickExit)
	stdout, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	child := programs.next()
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "up\n" {
		t.Errorf("the parent says %q, %v", line, err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	child.gone()
	if err := parent.Wait(); err == nil {
		t.Error("the parent was not killed")
	}
	nothingLeft(t)
}

func TestAChildThatIgnoresItsEndIsKilled(t *testing.T) {
	programs := listenForReports(t)
	node, log := mustStart(t, self("deaf", sidecar.Grace(20*time.Millisecond)))
	child := programs.next()
	shutdown(t, node)
	child.gone()
	nothingLeft(t)
	if !strings.Contains(log.String(), "did not end in time, and is killed") {
		t.Errorf("the log does not say that it was killed:\n%s", log)
	}
}

func TestADoorHasOneLinkAtATime(t *testing.T) {
	listenForReports(t)
	d := self("shop")
	node, _ := mustStart(t, d)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := node.Dial(ctx, d); !errors.Is(err, ab.ErrUnavailable) {
		t.Errorf("a second link: %v", err)
	}
	node.Disconnect("shop")
	if _, err := node.Dial(t.Context(), d); err != nil {
		t.Errorf("after the end of the first: %v", err)
	}
}

// script is a small program.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAProgramThatIsNoSidecarIsAnErrorThatSaysWhatToDo(t *testing.T) {
	listenForReports(t)
	noProgram := script(t, "")
	if err := os.Chmod(noProgram, 0o600); err != nil {
		t.Fatal(err)
	}
	short := sidecar.StartTime(50 * time.Millisecond)
	for name, c := range map[string]struct {
		door door.Door
		want []string
	}{
		"is not there":         {sidecar.Door("./no-such-program"), []string{"no such file", "build the program first"}},
		"is not in PATH":       {sidecar.Door("no-such-program"), []string{"not found in $PATH", "give sidecar.Door the path"}},
		"is not executable":    {sidecar.Door(noProgram), []string{"permission denied", "chmod +x"}},
		"fails at once":        {sidecar.Door(script(t, "echo one >&2; echo two >&2; exit 3")), []string{"(exit status 3)", "said: one | two"}},
		"knows no options":     {sidecar.Door(script(t, "exit 0")), []string{"(exit status 0)", "must be actorbridge::serve"}},
		"never listens":        {sidecar.Door(script(t, "echo busy >&2; exec sleep 600"), short), []string{"in 50ms", "StartTime"}},
		"listens elsewhere":    {sidecar.Door(script(t, "echo oh >&2; echo listening elsewhere; exec sleep 600")), []string{"connect: no such file", "said: oh"}},
		"is of another time":   {self("old"), []string{"no protocol version in common", "shop speaks 7 to 8"}},
		"has this node's name": {self("shop", sidecar.Node("go")), []string{"give each its own name"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := start(t, c.door)
			var fault *ab.Error
			code := ab.CodeUnavailable
			if strings.HasPrefix(name, "is not ") { // there is no program that could be started again
				code = ab.CodeInvalidArgument
			}
			if !errors.As(err, &fault) || fault.Code != code || fault.Effect != ab.EffectNone {
				t.Fatalf("it is %v", err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %q: %v", want, err)
				}
			}
			nothingLeft(t)
		})
	}
}

func TestAStartThatIsGivenUpLeavesNoChild(t *testing.T) {
	listenForReports(t)
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() {
		_, err := ab.Start(ctx, "go", ab.WithLogger(slog.New(slog.DiscardHandler)), ab.WithLink(
			sidecar.Door(script(t, "exec sleep 600"), sidecar.StartTime(patience))))
		over <- err
	}()
	eventually(t, "the start of the child", func() bool { return len(sockets(t)) > 0 })
	cancel()
	select {
	case err := <-over:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("it ends with %v", err)
		}
	case <-time.After(patience):
		t.Fatal("the start did not end with its context")
	}
	nothingLeft(t)
}

func TestWhatTheChildWritesGoesToTheNodesLogInBoundedLines(t *testing.T) {
	listenForReports(t)
	program := script(t, quickExit+"; export GORACE; echo on stdout; printf 'on\\303 stderr\\r\\n' >&2; head -c 10000 /dev/zero | tr '\\0' x >&2\n"+
		asProgram+"=shop exec "+binary()+` "$@"`)
	node, log := mustStart(t, sidecar.Door(program, sidecar.StartTime(patience)))
	shutdown(t, node)
	text := log.String()
	for _, want := range []string{`msg="on stdout"`, `msg="on� stderr"`, "sidecar=" + program, "node=go"} {
		if !strings.Contains(text, want) {
			t.Errorf("the log does not have %s:\n%s", want, text)
		}
	}
	if n := strings.Count(text, "msg="+strings.Repeat("x", 4096)+" "); n != 2 {
		t.Errorf("the long line is not cut into lines of 4 KiB: %d of them", n)
	}
}
