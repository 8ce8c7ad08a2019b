package meter

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
)

// The bytes of what a [Local] sends, and how many messages go at once where they go in batches.
const (
	localBytes = 64
	localBatch = 64
)

// A Local is an actor system as it is seen from its own process. A are references to its actors. Rust has the same
// (bench/actors/src/meter.rs).
type Local[A any] struct {
	// Spawn makes an actor, number i of so many. It can be told something when Spawn returns.
	Spawn func(i, of int) (A, error)
	// Tell sends a copy of data to an actor, which calls Took with it.
	Tell func(ctx context.Context, to A, data []byte) error
	// TellAll, if it is set, sends several at once.
	TellAll func(ctx context.Context, to A, data [][]byte) error
	// Ask sends a copy of data to an actor, which answers with a copy of it.
	Ask func(ctx context.Context, to A, data []byte) error

	actors []A
	left   atomic.Int64 // messages that are yet to be handled
	all    chan struct{}
}

// Cases are those of actors that a process has. `spawn` makes n of them; in the others n is how many messages they get.
func (l *Local[A]) Cases() []Case {
	l.all = make(chan struct{}, 1)
	cases := []Case{
		{Name: "spawn", Run: l.spawn, Bytes: Resident},
		{Name: "first", Run: l.first, Bytes: Resident},
		Of("tell", l.tell),
		Of("ask", l.ask),
		Of("ask_c64", func(ctx context.Context, n int) error {
			return AtOnce(64, n, func(n int) error { return l.ask(ctx, n) })
		}),
	}
	if l.TellAll != nil {
		cases = append(cases, Of("tell_batch64", l.tellBatches))
	}
	return cases
}

// Took takes a message that was told. Actors call it, several at once.
func (l *Local[A]) Took(data []byte) {
	sum := 0
	for _, b := range data {
		sum += int(b)
	}
	if sum == localBytes && l.left.Add(-1) == 0 {
		l.all <- struct{}{}
	}
}

// message is what is sent: bytes of one, so that who reads them knows them.
func message() []byte { return slices.Repeat([]byte{1}, localBytes) }

func (l *Local[A]) spawn(_ context.Context, n int) error {
	l.actors = make([]A, 0, n)
	for i := range n {
		actor, err := l.Spawn(i, n)
		if err != nil {
			return err
		}
		l.actors = append(l.actors, actor)
	}
	return nil
}

// handled sends n messages, and waits until all have been taken.
func (l *Local[A]) handled(ctx context.Context, n int, send func() error) error {
	l.left.Store(int64(n))
	if err := send(); err != nil {
		return err
	}
	select {
	case <-l.all:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%d of %d were not handled: %w", l.left.Load(), n, ctx.Err())
	}
}

// first tells each of the first n actors one message.
func (l *Local[A]) first(ctx context.Context, n int) error {
	data := message()
	return l.handled(ctx, n, func() error {
		for _, to := range l.actors[:n] {
			if err := l.Tell(ctx, to, data); err != nil {
				return err
			}
		}
		return nil
	})
}

// anyOf returns actors in no order, the same ones each time.
func (l *Local[A]) anyOf() func() A {
	random := rand.New(rand.NewPCG(1, 2))
	return func() A { return l.actors[random.Uint32N(uint32(len(l.actors)))] }
}

func (l *Local[A]) tell(ctx context.Context, n int) error {
	data, next := message(), l.anyOf()
	return l.handled(ctx, n, func() error {
		for range n {
			if err := l.Tell(ctx, next(), data); err != nil {
				return err
			}
		}
		return nil
	})
}

func (l *Local[A]) tellBatches(ctx context.Context, n int) error {
	batch, next := slices.Repeat([][]byte{message()}, localBatch), l.anyOf()
	return l.handled(ctx, n, func() error {
		for left := n; left > 0; left -= localBatch {
			if err := l.TellAll(ctx, next(), batch[:min(left, localBatch)]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (l *Local[A]) ask(ctx context.Context, n int) error {
	data, next := message(), l.anyOf()
	for range n {
		if err := l.Ask(ctx, next(), data); err != nil {
			return err
		}
	}
	return nil
}

// Resident is how many bytes of memory the process has, after what can be given back has been.
func Resident() int64 {
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, pages int64
	if _, err := fmt.Fscan(strings.NewReader(string(text)), &size, &pages); err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
