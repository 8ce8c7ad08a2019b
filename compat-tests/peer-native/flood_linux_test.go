package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	"github.com/actorbridge/actorbridge/go-client/native"
)

const (
	// mostThreads is what a flood may have: Go, its poller and collector, and the Rust node's.
	mostThreads = 64
	// mostMemory is how many MiB it may take. A goroutine that waits has about 8 KiB, under the race detector more.
	mostMemory = 768
	// mostMore is how many MiB it may take more while nothing comes of it.
	mostMore = 16
)

func TestAFloodToAHeldRustActorTakesFewThreadsAndComesInOrder(t *testing.T) {
	const tellers, each, askers = 10_000, 5, 20_000
	w := newWorld(t)
	w.dial(native.Door(native.Name("rust")))
	w.spawn("ledger/flood")
	ledger := w.ref("ab:///ledger/flood")
	gate := w.hold("ab:///ledger/flood")
	before, threads := resident(t), watchThreads()

	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	var all sync.WaitGroup
	var wrong first
	var running atomic.Int64
	for sender := range int64(tellers) {
		all.Go(func() {
			running.Add(1)
			for n := range uint64(each) {
				wrong.note(w.node.Tell(ctx, ledger, &testpb.Add{By: sender, N: n + 1}))
			}
		})
	}
	for asker := range int64(askers) {
		all.Go(func() {
			running.Add(1)
			_, err := ab.Ask[*testpb.Count](ctx, ledger, &testpb.Add{By: tellers + asker, N: 1}, ab.Timeout(3*patience))
			wrong.note(err)
		})
	}
	w.until("the flood runs", func() bool { return running.Load() == tellers+askers })
	accepted := w.fill("ab:///ledger/flood", &testpb.Add{By: -1, N: 1})
	w.refuse("ab:///ledger/flood")
	if grown := resident(t) - before; grown > mostMemory && !instrumented {
		t.Errorf("the flood to a held actor takes %d MiB", grown)
	}

	gate.open()
	w.within("what was sent is handled", &all)
	if wrong.err != nil {
		t.Error(wrong.err)
	}
	count := w.count("ab:///ledger/flood")
	if sent := uint64(tellers*each + askers + accepted); count.Handled != sent {
		t.Errorf("%d messages were handled of %d", count.Handled, sent)
	}
	// Those that filled the mailbox all have the number 1, so all but the first are out of order.
	if torn := count.Total - int64(max(accepted-1, 0)); torn != 0 {
		t.Errorf("%d messages came out of their sender's order", torn)
	}
	if most := threads.end(); most >= mostThreads {
		t.Errorf("the process had %d threads", most)
	}
}

func TestAFloodToARustActorThatBlocksItsThreadTakesFewThreadsAndNoMoreMemoryWithTime(t *testing.T) {
	const tellers, each, askers = 5_000, 2, 5_000
	r := newRunsAt(t, native.Door(native.Name("rust"), native.Workers(2))) // one for the others
	path := r.path("flood/block")
	to := r.inRust(path)
	threads := watchThreads()
	r.tellAll(to, steps(0, 1, 1, map[uint32]byte{1: stepBlock}))
	r.waits(path)

	ctx, cancel := context.WithTimeout(t.Context(), 5*patience)
	defer cancel()
	var all sync.WaitGroup
	var wrong first
	var running, gaveUp atomic.Int64
	for who := range uint32(tellers) {
		all.Go(func() {
			running.Add(1)
			for n := range uint32(each) {
				wrong.note(r.node.TellRaw(ctx, to, rawStep, step(stepPlain, 1+who, 1+n)))
			}
		})
	}
	ask := func() error {
		_, err := r.node.AskRaw(ctx, to, rawStep, step(stepPlain, 0, 2), ab.Timeout(time.Second))
		return err
	}
	for range askers {
		all.Go(func() {
			running.Add(1)
			err := ask()
			for ; errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil; err = ask() {
				gaveUp.Add(1)
			}
			wrong.note(err)
		})
	}
	r.until("all wait, and each asker has given up", func() bool { return running.Load() == tellers+askers && gaveUp.Load() >= askers })
	before, given := resident(t), gaveUp.Load()
	r.until("as many again have given up", func() bool { return gaveUp.Load() >= 2*given })
	if grown := resident(t) - before; grown > mostMore && !instrumented {
		t.Errorf("%d asks that were given up take %d MiB", gaveUp.Load()-given, grown)
	}

	r.open(path)
	r.within("what was sent is handled", &all)
	if wrong.err != nil {
		t.Error(wrong.err)
	}
	r.expectLog(func() []entry {
		return slices.DeleteFunc(r.log(path), func(e entry) bool { return e.who == 0 })
	}, 1, each, tellers)
	if most := threads.end(); most >= mostThreads {
		t.Errorf("the process had %d threads", most)
	}
}

// fill has an actor's mailbox full, and says how many messages it took before.
func (w *world) fill(actor string, message *testpb.Add) (accepted int) {
	w.Helper()
	to := w.ref(actor)
	w.until("the mailbox is full", func() bool {
		err := w.node.TryTell(to, message)
		if err == nil {
			accepted++
			return false
		}
		var why *ab.Error
		if !errors.Is(err, ab.ErrMailboxFull) || !errors.As(err, &why) || why.Message != message || why.Effect != ab.EffectNone {
			w.Fatalf("a full mailbox gave %v", err)
		}
		return true
	})
	return accepted
}

// refuse has a full mailbox refuse many messages, and sees that they take no memory.
func (w *world) refuse(actor string) {
	w.Helper()
	const large, tries = 32 << 10, 10_000 // 312 MiB, if they were kept
	to, data, before := w.ref(actor), make([]byte, large), resident(w.T)
	for range tries {
		if err := w.node.TryTell(to, &testpb.EchoRequest{Data: data}); !errors.Is(err, ab.ErrMailboxFull) {
			w.Fatalf("a full mailbox took a message: %v", err)
		}
	}
	if grown := resident(w.T) - before; grown > tries*large>>22 && !instrumented {
		w.Errorf("%d messages that were refused take %d MiB", tries, grown)
	}
}

func TestASlowGoActorStopsItsOwnRustSendersOnly(t *testing.T) {
	const tried, fast = 20_000, 5_000
	w := newWorld(t)
	w.dial(native.Door(native.Name("rust")))
	open := make(chan struct{})
	var got struct {
		sync.Mutex
		slow, fast []uint64
	}
	take := func(m *ab.Message, into *[]uint64) error {
		var add testpb.Add
		if err := m.Decode(&add); err != nil {
			return err
		}
		got.Lock()
		defer got.Unlock()
		*into = append(*into, add.N)
		return nil
	}
	handled := func(of *[]uint64) int {
		got.Lock()
		defer got.Unlock()
		return len(*of)
	}
	w.spawnGo("slow", func(ctx ab.Context, m *ab.Message) error {
		select {
		case <-open:
		case <-ctx.Done():
		}
		return take(m, &got.slow)
	})
	w.spawnGo("fast", func(_ ab.Context, m *ab.Message) error { return take(m, &got.fast) })
	for _, name := range []string{"slow", "fast"} {
		w.spawn("teller/" + name)
		w.tell("ab:///teller/"+name, &testpb.ForwardTo{Target: "ab://go/" + name})
	}
	// A mailbox in Go, an outbox and a mailbox in Rust have 1,024 each: the flood ends where it began.
	accepted, most := 0, 2*3*1024
	flood := func() {
		for range tried {
			switch err := w.node.TryTell(w.ref("ab:///teller/slow"), &testpb.Add{N: uint64(accepted)}); {
			case err == nil:
				accepted++
			case !errors.Is(err, ab.ErrMailboxFull):
				t.Fatal(err)
			}
		}
	}
	flood()
	for n := range uint64(fast) {
		w.tell("ab:///teller/fast", &testpb.Add{N: n})
	}
	flood()
	if accepted > most {
		t.Errorf("%d messages were taken of %d, though the actor behind is held", accepted, 2*tried)
	}
	w.until("the fast actor has all", func() bool { return handled(&got.fast) == fast })
	if n := handled(&got.slow); n != 0 {
		t.Errorf("the slow actor handled %d messages while it was held", n)
	}
	close(open)
	w.until("the slow actor has all", func() bool { return handled(&got.slow) == accepted })
	got.Lock()
	defer got.Unlock()
	if !slices.IsSorted(got.slow) || !slices.IsSorted(got.fast) {
		t.Error("messages that a Rust actor passed on came out of order")
	}
}
