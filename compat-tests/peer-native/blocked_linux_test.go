package main

import (
	"context"
	"testing"
	"time"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/native"
)

func TestARustNodeWhoseThreadsAreAllBlockedEndsWithItsLastLinkAllTheSame(t *testing.T) {
	w := newWorld(t)
	d := native.Door(native.Name("rust"), native.Workers(1), native.Grace(100*time.Millisecond))
	r := runs{w, d}
	w.dial(d)
	path := r.path("block")
	r.tellAll(r.inRust(path), steps(1, 1, 1, map[uint32]byte{1: stepBlock}))
	w.until("the handler blocks the node's only thread", func() bool {
		_, err := w.node.AskRaw(context.Background(), w.ref("ab://rust/clerk"), rawEntered, []byte(path), ab.Timeout(100*time.Millisecond))
		return err != nil
	})
	w.node.Disconnect("rust")
	w.until("it ends, and says what it leaves behind", func() bool {
		return len(w.log.with("ERROR handlers block all threads of the node", "target=rust")) == 1
	})
	w.dial(d)
	r.open(path)
}
