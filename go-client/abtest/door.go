// Package abtest is for tests of actors: it joins nodes of one process in memory, and has an actor that tells a test what it
// was sent.
//
// A node that [Start] started ends with its test, [NoLeaks] looks for goroutines that are left, and a [Probe] says what was
// told. All of it works in a bubble of testing/synctest too, where timers, deadlines and restart windows take no time: start
// the nodes in the bubble, as the example of virtual time does.
package abtest

import (
	"context"
	"io"
	"sync"

	"github.com/actorbridge/actorbridge/go-client/door"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// packetsUnderWay is how many packets a direction holds before Send waits.
const packetsUnderWay = 4

// Door is a door to a node of this process. Packets go through their bytes, so that a test sees what a peer would.
func Door(to door.Acceptor) door.Door { return memoryDoor{to} }

type memoryDoor struct{ to door.Acceptor }

func (memoryDoor) String() string { return "memory" }

// Dial implements door.Door.
func (d memoryDoor) Dial(context.Context) (door.Link, error) {
	there, back := make(chan []byte, packetsUnderWay), make(chan []byte, packetsUnderWay)
	closed := &ending{closed: make(chan struct{})}
	go func() { _ = d.to.Accept(&memoryLink{out: back, in: there, ending: closed}) }()
	return &memoryLink{out: there, in: back, ending: closed}, nil
}

// ending is shared by both ends of a link.
type ending struct {
	once   sync.Once
	closed chan struct{}
}

type memoryLink struct {
	out, in chan []byte
	*ending
}

// Send implements door.Link.
func (l *memoryLink) Send(p *wire.Packet) error {
	select {
	case l.out <- p.Append(nil):
		return nil
	case <-l.closed:
		return io.ErrClosedPipe
	}
}

// Recv implements door.Link.
func (l *memoryLink) Recv() (*wire.Packet, error) {
	select {
	case frame := <-l.in:
		return wire.ReadPacket(frame, wire.MaxFrameBytes)
	default:
	}
	select {
	case frame := <-l.in:
		return wire.ReadPacket(frame, wire.MaxFrameBytes)
	case <-l.closed: // what was sent before still arrives
		select {
		case frame := <-l.in:
			return wire.ReadPacket(frame, wire.MaxFrameBytes)
		default:
			return nil, io.EOF
		}
	}
}

// Close implements door.Link.
func (l *memoryLink) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}
