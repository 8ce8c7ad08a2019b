package meter

import (
	"context"
	"time"
)

// Rate is how many messages a second leave in an open loop.
const Rate = 10_000

// Paced sends n messages at [Rate], whatever becomes of them, each with the time at which it was meant to leave: a sender that is
// late is late for all that wait behind it.
func Paced(ctx context.Context, n int, send func(meant time.Time) error) error {
	start := time.Now()
	for i := range n {
		meant := start.Add(time.Duration(i) * time.Second / Rate)
		if wait := time.Until(meant); wait > 0 {
			time.Sleep(wait)
		}
		if err := send(meant); err != nil {
			return err
		}
	}
	return ctx.Err()
}
