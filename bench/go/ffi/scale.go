package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	ab "github.com/actorbridge/actorbridge/go-client"
	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"

	benchv1 "github.com/actorbridge/actorbridge/bench/go/ffi/gen/bench/v1"
	"github.com/actorbridge/actorbridge/bench/go/ffi/gen/bench/v1/benchv1ab"
	"github.com/actorbridge/actorbridge/bench/go/meter"
)

// scale is tells to few actors and to many, in no order. The actors are made by cases of their own, before.
func scale(node *ab.Node) []meter.Case {
	m := &many{node: node, source: benchv1ab.SourceAt(node, "ab:///source")}
	cases := []meter.Case{
		{Name: "scale_actors_rust", Run: m.makeRust},
		{Name: "scale_actors_go", Run: m.makeGo},
	}
	for _, of := range []int{1_000, 100_000} {
		cases = append(cases,
			meter.Case{Name: fmt.Sprint("scale_to_rust_", of), Run: func(ctx context.Context, n int) error { return m.toRust(ctx, n, of) }},
			meter.Case{Name: fmt.Sprint("scale_to_go_", of), Run: func(ctx context.Context, n int) error { return m.toGo(ctx, n, of) }})
	}
	return cases
}

type many struct {
	node   *ab.Node
	source benchv1ab.SourceRef
	// to goes on from one measurement to the next: a short one is of other targets than the last, too.
	to     place
	inRust []ab.Ref
	inGo   int
	taken  atomic.Uint64 // by those in Go
}

func (m *many) makeRust(ctx context.Context, n int) error {
	system := m.node.RefAt("ab://bench-rust/system")
	m.inRust = make([]ab.Ref, n)
	return eachOf(n, func(i int) error {
		path := fmt.Sprint("many/", i)
		m.inRust[i] = m.node.RefAt("ab:///" + path)
		_, err := ab.Ask[*pb.SpawnReply](ctx, system, &pb.SpawnRequest{Path: path})
		return err
	})
}

func (m *many) makeGo(_ context.Context, n int) error {
	m.inGo = n
	return eachOf(n, func(i int) error {
		_, err := m.node.Spawn(fmt.Sprint("sinks/", i), func() ab.Receiver { return (*sink)(m) })
		return err
	})
}

// sink is one of the many in Go.
type sink many

func (s *sink) Receive(_ ab.Context, message *ab.Message) error {
	data, err := message.Raw(rawNote)
	if err == nil && sum(data) > 0 {
		s.taken.Add(1)
	}
	return err
}

// place is numbers that look random, and are the same in each process; Rust has the same.
type place uint64

func (p *place) next(below int) int {
	*p = *p*6364136223846793005 + 1
	return int(uint64(*p) >> 33 % uint64(below))
}

func (m *many) toRust(ctx context.Context, n, of int) error {
	if len(m.inRust) < of {
		of = len(m.inRust)
	}
	read := func() (uint64, error) {
		now, err := ab.Ask[*benchv1.Taken](ctx, m.inRust[0], &benchv1.Reading{}, ab.Timeout(time.Minute))
		return now.GetNotes(), err
	}
	before, err := read()
	if err != nil {
		return err
	}
	message := make([]byte, size)
	message[0] = 1
	for range n {
		if err := m.node.TellRaw(ctx, m.inRust[m.to.next(of)], rawNote, message); err != nil {
			return err
		}
	}
	for {
		switch now, err := read(); {
		case err != nil:
			return err
		case now == before+uint64(n):
			return nil
		}
	}
}

func (m *many) toGo(ctx context.Context, n, of int) error {
	before := m.taken.Load()
	order := &benchv1.Order{Notes: uint64(n), Bytes: size, Targets: uint32(min(of, m.inGo))}
	if _, err := m.source.Tell(ctx, order, ab.Timeout(time.Minute)); err != nil {
		return err
	}
	for m.taken.Load() < before+uint64(n) {
		time.Sleep(50 * time.Microsecond)
	}
	return nil
}
