package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/protobuf/proto"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	"github.com/actorbridge/actorbridge/go-client/door"
	"github.com/actorbridge/actorbridge/go-client/native"
)

// senders are how many goroutines are inside calls when their link goes.
const senders = 64

// goneErrors are what a call may give whose link, or whose actor's node, goes meanwhile.
var goneErrors = []error{ab.ErrUnavailable, ab.ErrOutcomeUnknown, ab.ErrNoSuchActor, ab.ErrStopped, ab.ErrMailboxFull}

// gone is nil for such an error, and what is wrong with every other one.
func gone(err error) error {
	var typed *ab.Error
	if !errors.As(err, &typed) || !slices.ContainsFunc(goneErrors, func(e error) bool { return errors.Is(err, e) }) {
		return fmt.Errorf("a call whose link went gave %T %w", err, err)
	}
	return nil
}

func TestLinksThatCloseWhile64GoroutinesSendCostTypedErrorsAndLeaveNothing(t *testing.T) {
	w := newWorld(t)
	d := native.Door(native.Name("rust"))
	// The Rust node lives on where another node has a link to it, and ends with its last link where none has.
	for _, c := range []struct {
		name   string
		keeper bool
	}{{"the link", true}, {"the node", false}} {
		t.Run(c.name, func(t *testing.T) {
			v := &world{t, w.node, w.log}
			if c.keeper {
				keeper := newWorldOf(t, "keeper")
				keeper.dial(d)
			}
			var before resources
			for round := range rounds(t, 25) {
				v.dial(d)
				if round == 2 { // what is made once is there by now, and a link is open
					before = held(t).and(20)
				}
				v.closeInTraffic(round)
			}
			v.dial(d)
			v.untilWithin(before)
			v.node.Disconnect("rust")
		})
	}
}

// closeInTraffic ends the link while each sender is at work: they tell, try and ask by turns.
func (w *world) closeInTraffic(round int) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), patience)
	defer cancel()
	actor := fmt.Sprint("counter/close-", round, "-", w.Name())
	w.spawn(actor)
	to := w.ref("ab://rust/" + actor)
	var all sync.WaitGroup
	var wrong first
	var sent atomic.Int64
	send := map[int]func() error{
		0: func() error { return w.node.Tell(ctx, to, &testpb.Add{By: 1}) },
		1: func() error { return w.node.TryTell(to, &testpb.Add{By: 1}) },
		2: func() error { return replied(ab.Ask[*testpb.Count](ctx, to, &testpb.Add{By: 1})) },
	}
	for n := range senders {
		all.Go(func() {
			for {
				err := send[n%len(send)]()
				switch {
				case err == nil:
					sent.Add(1)
				case errors.Is(err, ab.ErrMailboxFull): // it goes on: only the link's end ends it
				default:
					wrong.note(gone(err))
					return
				}
			}
		})
	}
	w.until("the link is in use", func() bool { return sent.Load() > 5*senders })
	w.node.Disconnect("rust")
	w.within("every call returns when its link has gone", &all)
	if wrong.err != nil {
		w.Fatal(wrong.err)
	}
}

func replied[T proto.Message](_ T, err error) error { return err }

func TestTwoGoNodesAndTwoRustNodesInOneProcessDoNotDisturbEachOther(t *testing.T) {
	doors := map[string]door.Door{
		"rust": native.Door(native.Name("rust"), native.Workers(1)), "rust2": native.Door(native.Name("rust2"), native.Workers(1)),
	}
	one, two := newWorldOf(t, "go"), newWorldOf(t, "go2")
	for _, w := range []*world{one, two} {
		for _, d := range doors {
			w.dial(d)
		}
	}
	for node := range doors {
		one.spawnAt(node, "counter/x")
	}
	const each = 500
	var all []func()
	var wrong first
	for _, w := range []*world{one, two} {
		for node := range doors {
			all = append(all, func() {
				for n := range uint64(each) {
					_, err := ask[*testpb.Count](w, "ab://"+node+"/counter/x", &testpb.Add{By: 1, N: n})
					wrong.note(err)
				}
			})
		}
	}
	one.together("all are answered", all...)
	if wrong.err != nil {
		t.Fatal(wrong.err)
	}
	for node := range doors {
		if count := two.count("ab://" + node + "/counter/x"); count.Handled != 2*each {
			t.Errorf("the counter of %s has handled %d messages of %d", node, count.Handled, 2*each)
		}
	}
	// One goes, with its links to both; the other has lost nothing.
	one.node.Disconnect("rust2")
	two.node.Disconnect("rust2")
	two.until("rust2 is gone", func() bool {
		_, err := ask[*testpb.Count](two, "ab://rust2/counter/x", &testpb.GetCount{})
		return errors.Is(err, ab.ErrUnavailable)
	})
	if count := one.count("ab://rust/counter/x"); count.Handled != 2*each {
		t.Errorf("the counter of rust has handled %d messages of %d", count.Handled, 2*each)
	}
}
