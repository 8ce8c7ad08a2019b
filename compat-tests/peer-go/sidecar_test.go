//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	actorbridgev1 "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/sidecar"
)

const (
	// rustPeer is the Rust peer: with options it is a program as a sidecar door starts it.
	rustPeer = "../../target/compat/compat-peer-rust"
	// parentOf, in the environment, makes this test binary a program with the sidecar that it names.
	parentOf = "COMPAT_PARENT_OF"
	// patience is how long a test waits for what must happen.
	patience = time.Minute
	counter  = "ab://rust/counter/1"
)

func TestMain(m *testing.M) {
	program := os.Getenv(parentOf)
	if program == "" {
		os.Exit(m.Run())
	}
	door := sidecar.Door(program, sidecar.Node("rust"), sidecar.StartTime(patience))
	if _, err := ab.Start(context.Background(), "go", ab.WithLink(door)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("up")
	select {} // until it is killed
}

// book is what a node logs.
type book struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *book) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *book) has(text string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Contains(b.text.String(), text)
}

// launcher becomes the Rust peer. Its pipe gets its name, the process id, once it is held open.
const launcher = `#!/bin/sh
set -e
cd '%s'
mkfifo new-$$
exec 9<>new-$$
mv new-$$ $$
exec '%s' "$@"
`

// sidecars are the Rust processes of a test. Each has a pipe of its own, named by its process id and open while it lives.
type sidecars struct {
	*testing.T
	program, pipes string
	log            book
}

func newSidecars(t *testing.T) *sidecars {
	t.Helper()
	peer, err := filepath.Abs(rustPeer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(peer); err != nil {
		t.Fatalf("the Rust peer is not built, run `make compat-programs`: %v", err)
	}
	s := &sidecars{T: t, program: filepath.Join(t.TempDir(), "rust"), pipes: t.TempDir()}
	script := fmt.Sprintf(launcher, s.pipes, peer)
	if err := os.WriteFile(s.program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return s
}

// node starts a Go node with a sidecar named rust.
func (s *sidecars) node(options ...sidecar.Option) *ab.Node {
	s.Helper()
	door := sidecar.Door(s.program, append(options, sidecar.Node("rust"), sidecar.StartTime(patience))...)
	node, err := ab.Start(s.Context(), "go", ab.WithLogger(slog.New(slog.NewTextHandler(&s.log, nil))), ab.WithLink(door))
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { s.shutdown(node) })
	return node
}

func (s *sidecars) shutdown(node *ab.Node) {
	s.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := node.Shutdown(ctx); err != nil {
		s.Error(err)
	}
}

func (s *sidecars) until(what string, holds func() bool) {
	s.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			s.Fatalf("%s did not happen in %v", what, patience)
		}
	}
}

// A process is a sidecar, and what is open until it is gone.
type process struct {
	id   int
	pipe *os.File
}

// next waits for a process that has not been seen yet.
func (s *sidecars) next() (p process) {
	s.Helper()
	s.until("the start of a sidecar", func() bool {
		paths, err := filepath.Glob(filepath.Join(s.pipes, "[0-9]*"))
		if err != nil {
			s.Fatal(err)
		}
		if len(paths) == 0 {
			return false
		}
		path := paths[0]
		if p.id, err = strconv.Atoi(filepath.Base(path)); err != nil {
			s.Fatal(err)
		}
		if p.pipe, err = os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0); err != nil {
			s.Fatal(err)
		}
		return os.Remove(path) == nil
	})
	s.Cleanup(func() { _ = p.pipe.Close() })
	return p
}

// kill kills it as nobody can refuse.
func (s *sidecars) kill(p process) {
	s.Helper()
	if err := syscall.Kill(p.id, syscall.SIGKILL); err != nil {
		s.Fatal(err)
	}
}

// gone waits until it is gone.
func (s *sidecars) gone(p process) {
	s.Helper()
	_ = p.pipe.SetReadDeadline(time.Now().Add(patience))
	if _, err := p.pipe.Read(make([]byte, 1)); err != io.EOF {
		s.Fatalf("process %d is not gone: %v", p.id, err)
	}
}

func ask[T proto.Message](s *sidecars, node *ab.Node, to string, message proto.Message) (T, error) {
	s.Helper()
	ref, err := node.Ref(to)
	if err != nil {
		s.Fatal(err)
	}
	return ab.Ask[T](s.Context(), ref, message, ab.Timeout(patience))
}

// spawnCounter has a sidecar spawn its counter, once there is a link.
func (s *sidecars) spawnCounter(node *ab.Node) {
	s.Helper()
	s.until("the spawn of the counter", func() bool {
		_, err := ask[*actorbridgev1.SpawnReply](s, node, "ab://rust/system", &actorbridgev1.SpawnRequest{Path: "counter/1"})
		if err != nil && !errors.Is(err, ab.ErrUnavailable) {
			s.Fatal(err)
		}
		return err == nil
	})
}

func TestARustSidecarAnswersAndEndsByItselfWithItsNode(t *testing.T) {
	s := newSidecars(t)
	node := s.node()
	child := s.next()
	s.spawnCounter(node)
	count, err := ask[*testpb.Count](s, node, counter, &testpb.Add{By: 3, N: 1})
	if err != nil || count.Language != "rust" || count.Total != 3 {
		t.Errorf("it answers %v, %v", count, err)
	}
	s.shutdown(node)
	s.gone(child)
	if s.log.has("did not end in time") {
		t.Error("it had to be killed")
	}
}

// The counter's answers tell of each process what it handled: 1, 2, 3 and so on, and from 1 again in the next.
func TestARustSidecarThatIsKilledDuringTrafficIsStartedAgainAndNothingIsHandledTwice(t *testing.T) {
	s := newSidecars(t)
	node := s.node()
	const lives = 2
	child, killed, unknown := s.next(), make(chan error, 1), 0
	s.spawnCounter(node)
	for life, handled := 0, uint64(0); life < lives; {
		if handled == 100 { // while the next asks are on their way
			go func(id int) { killed <- syscall.Kill(id, syscall.SIGKILL) }(child.id)
		}
		count, err := ask[*testpb.Count](s, node, counter, &testpb.Add{By: 1, N: handled + 1})
		if err == nil {
			if handled++; count.Handled != handled {
				t.Fatalf("answer %d says that %d were handled", handled, count.Handled)
			}
			continue
		}
		var fault *ab.Error
		switch {
		case errors.Is(err, ab.ErrOutcomeUnknown):
			unknown++
		case !errors.As(err, &fault) || fault.Code != ab.CodeUnavailable || fault.Effect != ab.EffectNone:
			t.Fatalf("while there is no link an ask fails with %v", err)
		}
		if handled > 0 {
			if err := <-killed; err != nil {
				t.Fatal(err)
			}
			s.gone(child)
			child, handled = s.next(), 0
			life++
		}
		s.spawnCounter(node)
	}
	if unknown > lives {
		t.Errorf("%d asks have an unknown outcome, and one was under way at each of %d deaths", unknown, lives)
	}
}

func TestWhatARustSidecarSendsIsAsItsArgumentsSay(t *testing.T) {
	s := newSidecars(t)
	node := s.node(sidecar.Arguments("--tenant", "acme", "--codec", "json", "--compress", "zstd:100"))
	text := strings.Repeat("the same again, ", 100)
	heard := make(chan error, 1)
	_, err := node.Spawn("echo", func() ab.Receiver {
		return ab.ReceiverFunc(func(_ ab.Context, m *ab.Message) error {
			payload, err := m.PlainPayload()
			switch {
			case err != nil:
			case m.Tenant() != "acme":
				err = fmt.Errorf("it is of tenant %q", m.Tenant())
			case !bytes.HasPrefix(payload, []byte("{")):
				err = fmt.Errorf("it is no JSON: %.40q", payload)
			case len(m.Payload()) > len(payload)/2:
				err = fmt.Errorf("%d bytes came as %d", len(payload), len(m.Payload()))
			}
			heard <- err
			return m.Reply(&testpb.EchoReply{Text: "heard"})
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ask[*actorbridgev1.SpawnReply](s, node, "ab://rust/system", &actorbridgev1.SpawnRequest{Path: "through/1"}); err != nil {
		t.Fatal(err)
	}
	reply, err := ask[*testpb.EchoReply](s, node, "ab://rust/through/1", &testpb.AskThrough{Target: "ab://go/echo", Text: text})
	if err != nil || reply.Text != "heard" {
		t.Fatalf("it answers %v, %v", reply, err)
	}
	if err := <-heard; err != nil {
		t.Error(err)
	}
}

func TestARustSidecarThatDoesNotKnowAnArgumentSaysWhichOnesItKnows(t *testing.T) {
	s := newSidecars(t)
	door := sidecar.Door(s.program, sidecar.Arguments("--codec", "xml"), sidecar.StartTime(patience))
	_, err := ab.Start(t.Context(), "go", ab.WithLink(door))
	if err == nil || !strings.Contains(err.Error(), "no codec is called xml: protobuf, json, messagepack") {
		t.Errorf("it starts with %v", err)
	}
}

func TestARustSidecarBeyondItsLimitStaysDownWithTheReason(t *testing.T) {
	s := newSidecars(t)
	node := s.node(sidecar.Restarts(1, time.Hour))
	for range 2 {
		child := s.next()
		s.until("the link", func() bool { return len(node.Peers()) == 1 })
		s.kill(child)
		s.gone(child)
	}
	s.until("the door gives up", func() bool { return s.log.has("a link is not made again") })
	_, err := ask[*testpb.Count](s, node, counter, &testpb.GetCount{})
	if !errors.Is(err, ab.ErrUnavailable) {
		t.Fatalf("an ask fails with %v", err)
	}
	for _, want := range []string{"started again 1 times in 1h0m0s", "signal: killed"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("it does not say %q: %v", want, err)
		}
	}
}

func TestARustSidecarEndsWhenItsParentIsKilled(t *testing.T) {
	s := newSidecars(t)
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), parentOf+"="+s.program)
	stdout, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	child := s.next()
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "up\n" {
		t.Errorf("the parent says %q, %v", line, err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	s.gone(child)
}
