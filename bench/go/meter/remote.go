package meter

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"time"
)

// The bytes of an ask, and of a paced message.
const (
	askBytes   = 64
	pacedBytes = 100
)

// A Remote is an actor system as it is seen from another process. M are its messages.
type Remote[M any] struct {
	// Message makes one.
	Message func(data []byte) M
	// Tell sends one to an actor that counts.
	Tell func(ctx context.Context, message M) error
	// Taken is how many that has counted since it was asked last: all that were told before.
	Taken func(ctx context.Context) (uint64, error)
	// Ask sends one to an actor that answers with it.
	Ask func(ctx context.Context, message M) error
	// TellBack sends one to an actor that tells it to the one here that calls Came.
	TellBack func(ctx context.Context, message M) error
	back     Times
	all      chan struct{} // closed when all have come back
	wanted   int
	mu       sync.Mutex
}

// Cases are the cases that every actor system has.
func (r *Remote[M]) Cases() []Case {
	asks := new(Times)
	ask := func(ctx context.Context, n int) error { return r.ask(ctx, n, asks) }
	return []Case{
		{Name: "tell_64", Run: func(ctx context.Context, n int) error { return r.tell(ctx, n, 64) }},
		{Name: "tell_1024", Run: func(ctx context.Context, n int) error { return r.tell(ctx, n, 1024) }},
		{Name: "ask", Run: ask, Times: asks},
		{Name: "ask_c64", Run: func(ctx context.Context, n int) error {
			return AtOnce(64, n, func(n int) error { return r.ask(ctx, n, nil) })
		}},
		{Name: "paced", Run: r.paced, Times: &r.back},
	}
}

func (r *Remote[M]) tell(ctx context.Context, n, size int) error {
	message := r.Message(make([]byte, size))
	return Counted(ctx, n, r.Taken, func() error {
		for range n {
			if err := r.Tell(ctx, message); err != nil {
				return err
			}
		}
		return nil
	})
}

// Counted has messages sent, and finds out whether all were taken.
func Counted(ctx context.Context, n int, taken func(context.Context) (uint64, error), send func() error) error {
	if _, err := taken(ctx); err != nil { // from here on it counts
		return err
	}
	if err := send(); err != nil {
		return err
	}
	came, err := taken(ctx)
	if err == nil && came != uint64(n) {
		err = fmt.Errorf("%d came of %d", came, n)
	}
	return err
}

func (r *Remote[M]) ask(ctx context.Context, n int, times *Times) error {
	message := r.Message(make([]byte, askBytes))
	for range n {
		start := time.Now()
		if err := r.Ask(ctx, message); err != nil {
			return err
		}
		if times != nil {
			times.Add(time.Since(start))
		}
	}
	return nil
}

// AtOnce shares n among so many goroutines. It tells the first error.
func AtOnce(many, n int, do func(n int) error) error {
	failed := make(chan error, many)
	for i := range many {
		go func() { failed <- do((n + i) / many) }()
	}
	var first error
	for range many {
		if err := <-failed; first == nil {
			first = err
		}
	}
	return first
}

func (r *Remote[M]) paced(ctx context.Context, n int) error {
	all := make(chan struct{})
	r.mu.Lock()
	r.all, r.wanted = all, n
	r.mu.Unlock()
	err := Paced(ctx, n, func(meant time.Time) error {
		data := make([]byte, pacedBytes)
		binary.LittleEndian.PutUint64(data, uint64(meant.Sub(began)))
		return r.TellBack(ctx, r.Message(data))
	})
	if err != nil {
		return err
	}
	select {
	case <-all:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%d of %d came back: %w", r.back.Count(), n, ctx.Err())
	}
}

// began is what times in messages are counted from.
var began = time.Now()

// Came takes a message that has come back. An actor calls it, one message after the other.
func (r *Remote[M]) Came(data []byte) {
	r.back.Add(time.Since(began) - time.Duration(binary.LittleEndian.Uint64(data)))
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.back.Count() == r.wanted {
		close(r.all)
	}
}
