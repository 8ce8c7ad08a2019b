package faults

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/actorbridge/actorbridge/compat-tests/peer-go/ops"
)

const (
	rustPeer = "../../target/compat/compat-peer-rust"
	// patience is how long a test waits for what must happen.
	patience = time.Minute
)

// goPeer is the Go peer program, built once.
var goPeer = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "ab-faults-")
	if err != nil {
		return "", err
	}
	program := filepath.Join(folder, "compat-peer-go")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Dir, build.Stderr = "../peer-go", os.Stderr
	return program, build.Run()
})

// peerOf is the peer program of a language.
func peerOf(t *testing.T, language string) string {
	t.Helper()
	if language == "rust" {
		return rustPeer
	}
	program, err := goPeer()
	must(t, err)
	return program
}

func TestMain(m *testing.M) {
	zerolog.SetGlobalLevel(zerolog.Disabled) // the proxy tells of every piece of data that it hurts
	if before := os.Getenv(proxyBefore); before != "" {
		if err := beProxy(before); err != nil {
			fmt.Fprintln(os.Stderr, "the proxy:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := runAndSum(m)
	if program, err := goPeer(); err == nil {
		_ = os.RemoveAll(filepath.Dir(program))
	}
	os.Exit(code)
}

// peer is a node in a process of its own.
type peer struct {
	t      *testing.T
	name   string
	cmd    *exec.Cmd
	over   func()
	killed bool
	mu     sync.Mutex
	last   uint64
	stdin  io.Writer
	waits  map[uint64]chan ops.Answer
}

// startPeer starts a program with a node, and says where that listens.
func startPeer(t *testing.T, program, name, listen string) (p *peer, address string) {
	t.Helper()
	p = runPeer(t, program, name)
	return p, p.must(ops.Order{Op: "start", Listen: listen}).Address
}

// runPeer runs a program that has no node yet.
func runPeer(t *testing.T, program, name string) *peer {
	t.Helper()
	cmd := exec.Command(program)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	must(t, err)
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	p := &peer{t: t, name: name, cmd: cmd, stdin: stdin, waits: make(map[uint64]chan ops.Answer)}
	read := make(chan struct{})
	go func() {
		defer close(read)
		p.read(stdout)
	}()
	p.over = sync.OnceFunc(func() {
		_ = stdin.Close()
		<-read
		if err := cmd.Wait(); err != nil && !p.killed {
			t.Errorf("the peer ended with %v", err)
		}
	})
	t.Cleanup(p.over)
	return p
}

// kill ends the process as no handler can see (SIGKILL).
func (p *peer) kill() {
	p.killed = true
	must(p.t, p.cmd.Process.Kill())
	p.over()
}

func (p *peer) read(from io.Reader) {
	for lines := bufio.NewReader(from); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var answer ops.Answer
		if json.Unmarshal(line, &answer) != nil {
			continue
		}
		p.mu.Lock()
		if wait := p.waits[answer.ID]; wait != nil {
			delete(p.waits, answer.ID)
			wait <- answer
		}
		p.mu.Unlock()
	}
}

// do has the peer carry out an order.
func (p *peer) do(order ops.Order) ops.Answer {
	p.t.Helper()
	answered := make(chan ops.Answer, 1)
	p.mu.Lock()
	p.last++
	order.ID, order.Node = p.last, p.name
	p.waits[order.ID] = answered
	line, err := json.Marshal(order)
	if err == nil {
		_, err = p.stdin.Write(append(line, '\n'))
	}
	p.mu.Unlock()
	if err != nil {
		p.t.Error(err)
		return ops.Answer{}
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case answer := <-answered:
		return answer
	case <-timer.C:
		p.t.Errorf("the peer did not carry out %s in %v", order.Op, patience)
		return ops.Answer{}
	}
}

// must is do where it may not fail.
func (p *peer) must(order ops.Order) ops.Answer {
	p.t.Helper()
	answer := p.do(order)
	if answer.Fault != nil {
		p.t.Fatalf("%s: %s", order.Op, answer.Fault.Detail)
	}
	return answer
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for until := time.Now().Add(patience); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("%s did not happen in %v", what, patience)
		}
	}
}
