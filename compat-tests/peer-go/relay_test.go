package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"os/exec"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	"github.com/actorbridge/actorbridge/go-client/remote"
)

// row is three nodes: a and b are Go nodes without a link, r is a Rust process that relays.
type row struct {
	*testing.T
	address string
	a, b    *ab.Node
}

// newRow starts them, b with more options.
func newRow(t *testing.T, ofB ...ab.Option) *row {
	t.Helper()
	r := &row{T: t, address: startRelay(t)}
	r.a = r.node("a", ab.WithRoute("b", "r"))
	r.b = r.node("b", ofB...)
	return r
}

// startRelay runs the Rust peer as a relay until the end of the test: where it listens.
func startRelay(t *testing.T) string {
	t.Helper()
	_, stdout := startRustPeer(t, "--node", "r", "--listen", "tcp://127.0.0.1:0", "--allow-relay", "--until-stdin-closes")
	line, err := bufio.NewReader(stdout).ReadString('\n')
	address, found := strings.CutPrefix(strings.TrimSpace(line), "listening ")
	if err != nil || !found {
		t.Fatalf("the relay says %q, %v", line, err)
	}
	return address
}

// startRustPeer runs the Rust peer until the end of the test, which closes what it reads.
func startRustPeer(t *testing.T, arguments ...string) (stdin io.Writer, stdout io.Reader) {
	t.Helper()
	peer := exec.Command(rustPeer, arguments...)
	in, err := peer.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if stdout, err = peer.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := peer.Start(); err != nil {
		t.Fatalf("run `make compat-programs`: %v", err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if err := peer.Wait(); err != nil {
			t.Errorf("the Rust peer ends with %v", err)
		}
	})
	return in, stdout
}

func (r *row) node(name string, options ...ab.Option) *ab.Node {
	r.Helper()
	quiet := ab.WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil)))
	node, err := ab.Start(r.Context(), name, append(options, quiet, ab.WithLink(remote.Door(r.address)))...)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := node.Shutdown(ctx); err != nil {
			r.Error(err)
		}
	})
	return node
}

// tally counts what it is told, digests the order, and waits at a Hold.
type tally struct {
	count testpb.Count
	held  chan struct{}
}

func (c *tally) Receive(ctx ab.Context, m *ab.Message) error {
	message, err := m.Open()
	if err != nil {
		return err
	}
	switch message := message.(type) {
	case *testpb.Add:
		c.count.Handled++
		c.count.Digest = c.count.Digest*31 + message.N
		return nil
	case *testpb.GetCount:
		return m.Reply(&c.count)
	case *testpb.EchoRequest:
		return m.Reply(&testpb.EchoReply{Text: message.Text, Data: message.Data})
	case *testpb.Hold:
		c.held <- struct{}{}
		<-ctx.Done()
		return nil
	}
	return m.Unsupported()
}

// spawn makes a counter of a small mailbox at b. The channel tells of each Hold.
func (r *row) spawn() <-chan struct{} {
	r.Helper()
	held := make(chan struct{}, 1)
	if _, err := r.b.Spawn("tally", func() ab.Receiver { return &tally{held: held} }, ab.Mailbox(32)); err != nil {
		r.Fatal(err)
	}
	return held
}

// counts is what the counter says, asked as to.
func (r *row) counts(to string) *testpb.Count {
	r.Helper()
	count, err := ab.Ask[*testpb.Count](r.Context(), r.a.RefAt(to), &testpb.GetCount{}, ab.Timeout(patience))
	if err != nil {
		r.Fatal(err)
	}
	return count
}

// fails is an ask that does not get there.
func (r *row) fails(to string, message proto.Message) *ab.Error {
	r.Helper()
	_, err := r.a.Ask(r.Context(), r.a.RefAt(to), message, ab.Timeout(patience))
	var failed *ab.Error
	if !errors.As(err, &failed) {
		r.Fatalf("an ask of %s ends with %v", to, err)
	}
	return failed
}

func (r *row) until(what string, holds func() bool) {
	r.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			r.Fatalf("%s did not happen in %v", what, patience)
		}
	}
}

func digest(n uint64) (d uint64) {
	for i := range n {
		d = d*31 + i + 1
	}
	return d
}

func TestGoActorsBehindARustRelayAreFoundToldAndAskedAsOthersAre(t *testing.T) {
	r := newRow(t, ab.WithAcceptedRelay("r"))
	r.spawn()
	for n := range uint64(2000) {
		if err := r.a.Tell(t.Context(), r.a.RefAt("ab:///tally"), &testpb.Add{By: 1, N: n + 1}); err != nil {
			t.Fatal(err)
		}
	}
	if count := r.counts("ab:///tally"); count.Handled != 2000 || count.Digest != digest(2000) {
		t.Errorf("it has handled %v", count)
	}
	r.counts("ab://b/tally")
	if err := r.fails("ab://b/nobody", &testpb.GetCount{}); err.Code != ab.CodeNoSuchActor || err.Effect != ab.EffectNone {
		t.Errorf("nobody: %v", err)
	}
	if err := r.fails("ab:///tally", &testpb.Hold{Key: strings.Repeat("x", 70_000)}); err.Code != ab.CodeTooLarge ||
		!strings.Contains(err.Error(), "through a relay") {
		t.Errorf("a large message: %v", err)
	}
	if err := r.a.Tell(t.Context(), r.a.RefAt("ab://b/nobody"), &testpb.GetCount{}); err != nil {
		t.Fatal(err)
	}
	r.until("a dead letter of the ask and of the tell at both ends", func() bool {
		return r.refused(r.a) == 2 && r.refused(r.b) == 2
	})
}

// refused is how many messages to nobody are dead letters at a node.
func (r *row) refused(at *ab.Node) (letters int) {
	for _, letter := range at.DeadLetters() {
		if letter.Target == "ab://b/nobody" && letter.Code == ab.CodeNoSuchActor {
			letters++
		}
	}
	return letters
}

func TestAGoActorThatStandsStillStopsItsSendersBehindARustRelay(t *testing.T) {
	r := newRow(t, ab.WithAcceptedRelay("r"))
	held := r.spawn()
	r.counts("ab:///tally")
	hold, giveUp := context.WithCancel(t.Context())
	defer giveUp()
	go func() { _, _ = r.a.Ask(hold, r.a.RefAt("ab:///tally"), &testpb.Hold{}, ab.Timeout(patience)) }()
	<-held
	told := uint64(0)
	for full := 0; full < 500; {
		err := r.a.TryTell(r.a.RefAt("ab:///tally"), &testpb.Add{By: 1, N: told + 1})
		switch {
		case err == nil:
			told, full = told+1, 0
		case !errors.Is(err, ab.ErrMailboxFull):
			t.Fatal(err)
		default:
			full++
			time.Sleep(200 * time.Microsecond)
		}
	}
	if told < 16 || told > 64 {
		t.Errorf("%d messages were taken", told)
	}
	giveUp() // which its actor hears
	if count := r.counts("ab:///tally"); count.Handled != told || count.Digest != digest(told) {
		t.Errorf("of %d it has handled %v", told, count)
	}
}

func TestWhatARustRelayLosesIsToldToItsGoSender(t *testing.T) {
	r := newRow(t, ab.WithAcceptedRelay("r"))
	held := r.spawn()
	lost := make(chan error, 1)
	go func() {
		_, err := r.a.Ask(t.Context(), r.a.RefAt("ab:///tally"), &testpb.Hold{}, ab.Timeout(patience))
		lost <- err
	}()
	<-held
	if err := r.a.Tell(t.Context(), r.a.RefAt("ab:///tally"), &testpb.Add{By: 1, N: 1}); err != nil {
		t.Fatal(err)
	}
	r.b.Disconnect("r")
	var failed *ab.Error
	if err := <-lost; !errors.As(err, &failed) || failed.Code != ab.CodeOutcomeUnknown || failed.Effect != ab.EffectMaybe ||
		!strings.Contains(err.Error(), "the relay, node r,") {
		t.Errorf("the ask that was there ends with %v", err)
	}
	r.until("a dead letter of the tell", func() bool {
		for _, letter := range r.a.DeadLetters() {
			if letter.Target == "ab:///tally" && letter.Code == ab.CodeOutcomeUnknown {
				return true
			}
		}
		return false
	})
	if err := r.fails("ab://b/tally", &testpb.GetCount{}); err.Code != ab.CodeUnavailable || err.Effect != ab.EffectNone {
		t.Errorf("while there is no way: %v", err)
	}
	if _, err := r.b.Dial(t.Context(), remote.Door(r.address)); err != nil {
		t.Fatal(err)
	}
	if err := r.b.Stop(t.Context(), r.b.RefAt("ab:///tally"), time.Second); err != nil { // it is held still
		t.Fatal(err)
	}
	r.spawn()
	for _, to := range []string{"ab:///tally", "ab://b/tally"} {
		if count := r.counts(to); count.Handled != 0 {
			t.Errorf("what was lost was sent again: %v", count)
		}
	}
}

func TestAGoNodeRefusesWhatARelayPassesOnUnlessItAcceptsIt(t *testing.T) {
	r := newRow(t, ab.WithAcceptedRelay("another"))
	r.spawn()
	if err := r.fails("ab://b/tally", &testpb.GetCount{}); err.Code != ab.CodeForbidden || err.Effect != ab.EffectNone ||
		!strings.Contains(err.Error(), "does not accept it as a relay") {
		t.Errorf("it says %v", err)
	}
}
