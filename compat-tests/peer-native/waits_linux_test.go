package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

// mailboxSize is what a mailbox holds unless it is said otherwise.
const mailboxSize = 1024

// depth is how many messages an actor holds.
func (r runs) depth(node, path string) uint32 {
	r.Helper()
	list, err := ask[*pb.ListReply](r.world, "ab://"+node+"/system", &pb.ListRequest{Prefix: path})
	if err != nil || len(list.Actors) != 1 {
		r.Fatalf("the list of %s at %s is %v, %v", path, node, list, err)
	}
	return list.Actors[0].Depth
}

// fillUp tells what the actor cannot read until there is no room, and says how often there was some.
func (r runs) fillUp(to ab.Ref) (told int) {
	r.Helper()
	r.until("the mailbox is full", func() bool {
		err := r.node.TryTell(to, &testpb.Hold{})
		if err == nil {
			told++
		}
		return errors.Is(err, ab.ErrMailboxFull)
	})
	return told
}

func TestARustHandlerThatWaitsHoldsUpItsOwnMailboxOnly(t *testing.T) {
	for name, what := range map[string]byte{"wait": stepWait, "block": stepBlock} {
		t.Run(name, func(t *testing.T) {
			r := newRuns(t)
			path, beside := r.path(name), r.path("beside")
			to, neighbour := r.inRust(path), r.inRust(beside)
			r.tellAll(to, steps(1, 1, 60, map[uint32]byte{50: what}))
			r.waits(path)
			ctx, cancel := context.WithCancel(r.ctx())
			defer cancel()
			rest := make(chan int, 1)
			go func() {
				sent, _ := r.node.TellRawAll(ctx, to, rawStep, steps(1, 61, 3000, nil))
				rest <- sent
			}()
			r.tellAll(neighbour, steps(1, 1, 3000, nil))
			r.expectLog(func() []entry { return r.log(beside) }, 1, 3000, 1)
			unreadable := r.fillUp(to)
			cancel()
			sent := uint32(60 + <-rest)
			if sent > mailboxSize+49 {
				t.Errorf("%d were sent to a mailbox of %d, with 49 handled", sent, mailboxSize)
			}
			r.open(path)
			r.tellAll(to, steps(1, sent+1, 3000, nil))
			r.expectLog(func() []entry { return r.log(path) }, 1, 3000, 1)
			if unreadable > 0 {
				r.expectDead(ab.CodeUnsupportedType, unreadable)
			}
		})
	}
}

func TestAGoHandlerThatWaitsHoldsUpItsOwnMailboxOnly(t *testing.T) {
	r := newRuns(t)
	d, beside := newDesk(map[uint32]byte{50: stepWait}), newDesk(nil)
	path := r.path("waits")
	to, neighbour := r.inGo(path, d), r.inGo(r.path("beside"), beside)
	told := make(chan struct{})
	go func() {
		defer close(told)
		r.burst(to, oneByOne, 1, 1, 3000)
	}()
	<-d.entered
	r.burst(neighbour, oneByOne, 1, 1, 3000)
	r.expectLog(beside.all, 1, 3000, 1)
	if held := r.depth("go", path); held > mailboxSize {
		t.Errorf("it holds %d messages, and its mailbox %d", held, mailboxSize)
	}
	close(d.gate)
	<-told
	r.expectLog(d.all, 1, 3000, 1)
	r.expectNoneDead()
}

func TestRawTellsOfAGoHandlerLeaveForRustWhenItHasReturned(t *testing.T) {
	r := newRuns(t)
	path := r.path("staged")
	to := r.inRust(path)
	r.tellAll(to, steps(1, 1, 1, nil)) // the way is known
	early := make(chan int, 1)
	sender, err := r.node.Spawn("sender", func() ab.Receiver {
		return ab.ReceiverFunc(func(ctx ab.Context, _ *ab.Message) error {
			derived, cancel := context.WithCancel(ctx)
			defer cancel()
			if err := ctx.Node().TellRaw(ctx, to, rawStep, step(stepPlain, 2, 1)); err != nil {
				return err
			}
			if _, err := ctx.Node().TellRawAll(derived, to, rawStep, steps(2, 2, 3, nil)); err != nil {
				return err
			}
			// What is asked by outside code overtakes nothing that this node has sent.
			early <- len(r.log(path))
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	r.expectLog(func() []entry { return r.log(path) }, 1, 1, 1)
	r.tell(sender.String(), &testpb.Hold{})
	if handled := <-early; handled != 1 {
		t.Errorf("%d steps came while the handler that sent them ran", handled-1)
	}
	r.until("they come", func() bool { return len(r.log(path)) == 4 })
	want := []entry{{0, 1, 1}, {1, 2, 1}, {2, 2, 2}, {3, 2, 3}}
	if got := r.log(path); !slices.Equal(got, want) {
		t.Errorf("handled were %v, want %v", got, want)
	}
}

func TestCreditOfAnEarlierStreamCountsForNoLaterOne(t *testing.T) {
	r := newRuns(t)
	unreadable := 0
	for round := range 20 {
		path := r.path(fmt.Sprint("round/", round))
		to := r.inRust(path)
		// It waits at once: what goes beyond its mailbox would be refused there.
		r.tellAll(to, steps(1, 1, 1, map[uint32]byte{1: stepWait}))
		r.waits(path)
		told := make(chan struct{})
		go func() {
			defer close(told)
			r.tellAll(to, steps(1, 2, 3000, nil))
		}()
		unreadable += r.fillUp(to)
		r.open(path)
		<-told
		r.expectLog(func() []entry { return r.log(path) }, 1, 3000, 1)
		r.stopInRust(path)
	}
	if unreadable > 0 {
		r.expectDead(ab.CodeUnsupportedType, unreadable)
	}
}

func (r runs) stopInRust(path string) {
	r.Helper()
	if _, err := ask[*pb.StopReply](r.world, "ab://rust/system", &pb.StopRequest{Path: path}); err != nil {
		r.Fatal(err)
	}
}
