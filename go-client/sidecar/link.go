//go:build unix

package sidecar

import (
	"errors"
	"sync"

	"github.com/actorbridge/actorbridge/go-client/door"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// link is a remote link that has a child.
type link struct {
	door.Link
	child *child
	door  *sidecarDoor
	once  sync.Once
}

// Send implements door.Link.
func (l *link) Send(p *wire.Packet) error { return l.because(l.Link.Send(p)) }

// Recv implements door.Link.
func (l *link) Recv() (*wire.Packet, error) {
	p, err := l.Link.Recv()
	return p, l.because(err)
}

// because is why the link is over: how its child ended says more than the connection, which ends when the child does. One
// that is still there is of no more use.
func (l *link) because(err error) error {
	var refusal *wire.Refusal
	if err == nil || errors.As(err, &refusal) {
		return err
	}
	l.child.log.Debug("the connection to a sidecar ended", "sidecar", l.child.program, "err", err)
	l.child.end(l.door.options.grace)
	return errors.New(l.child.obituary())
}

// Close implements door.Link. It returns when the child is gone.
func (l *link) Close() error {
	l.once.Do(func() {
		_ = l.Link.Close()
		l.child.end(l.door.options.grace)
		l.door.lastEnd = l.child.obituary()
		<-l.door.free
	})
	return nil
}
