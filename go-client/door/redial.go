package door

import (
	"context"
	"errors"
	"log/slog"
)

// ErrGivenUp, where errors.Is finds it in what Redial returned, says that to dial again is of no use.
var ErrGivenUp = errors.New("it is not tried again")

// A Redialer is a Door whose links come back. When one that was up goes down, and the node did not end it, the node calls
// Redial a moment later, and again after each attempt that fails, ever later, until a link is up, the error is an
// ErrGivenUp, or the node shuts down. That bounds the attempts: a Redialer has a limit of its own.
type Redialer interface {
	Door
	// Redial makes the next link, as Dial makes the first. The node has closed the one before.
	Redial(ctx context.Context) (Link, error)
}

type loggerKey struct{}

// WithLogger is a context for Dial and Redial with the logger of the node that dials.
func WithLogger(ctx context.Context, log *slog.Logger) context.Context {
	return context.WithValue(ctx, loggerKey{}, log)
}

// Logger is the logger of the node that dials, for what a door has to say; slog.Default() where there is none.
func Logger(ctx context.Context) *slog.Logger {
	if log, ok := ctx.Value(loggerKey{}).(*slog.Logger); ok {
		return log
	}
	return slog.Default()
}
