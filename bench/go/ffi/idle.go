package main

import (
	"context"
	"fmt"
	"sync"

	ab "github.com/actorbridge/actorbridge/go-client"
	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"

	benchv1 "github.com/actorbridge/actorbridge/bench/go/ffi/gen/bench/v1"
	"github.com/actorbridge/actorbridge/bench/go/ffi/gen/bench/v1/benchv1ab"
	"github.com/actorbridge/actorbridge/bench/go/meter"
)

// idle has n actors made that each get one message and then nothing. They stay: each case wants a process of its own.
func idle(node *ab.Node) []meter.Case {
	return []meter.Case{
		{Name: "idle_bytes_go", Bytes: meter.Resident, Run: func(ctx context.Context, n int) error {
			return eachOf(n, func(i int) error {
				actor, err := node.SpawnLoop(fmt.Sprint("idle/", i), func(_ ab.Context, in *ab.Inbox) error {
					for range in.All() {
					}
					return nil
				})
				if err != nil {
					return err
				}
				return node.TellRaw(ctx, actor, rawNote, []byte{1})
			})
		}},
		{Name: "idle_bytes_go_parked", Bytes: meter.Resident, Run: func(ctx context.Context, n int) error {
			return eachOf(n, func(i int) error {
				actor, err := benchv1ab.SpawnCounter(node, fmt.Sprint("idle/", i), func() benchv1ab.Counter { return new(counter) })
				if err != nil {
					return err
				}
				return actor.Take(ctx, &benchv1.Note{Data: []byte{1}})
			})
		}},
		{Name: "idle_bytes_rust", Bytes: meter.Resident, Run: func(ctx context.Context, n int) error {
			system := node.RefAt("ab://bench-rust/system")
			return eachOf(n, func(i int) error {
				path := fmt.Sprint("counter/", i)
				if _, err := ab.Ask[*pb.SpawnReply](ctx, system, &pb.SpawnRequest{Path: path}); err != nil {
					return err
				}
				return benchv1ab.CounterAt(node, "ab:///"+path).Take(ctx, &benchv1.Note{Data: []byte{1}})
			})
		}},
	}
}

// eachOf calls do for 0 to n-1, 64 at a time.
func eachOf(n int, do func(i int) error) error {
	next, failed := make(chan int), make(chan error, 64)
	var all sync.WaitGroup
	for range cap(failed) {
		all.Go(func() {
			for i := range next {
				if err := do(i); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	var err error
	for i := 0; i < n && err == nil; i++ {
		select {
		case next <- i:
		case err = <-failed:
		}
	}
	close(next)
	all.Wait()
	return err
}
