package machine

import (
	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// Relayed are the ends of a stream, as far as they are not the link's: a third node passes it on.
type Relayed struct {
	// Destination is the node that is to get it; empty = the peer of who opens it.
	Destination string
	// Origin is the node that opened it first; empty = who opens it.
	Origin string
	// Hops counts the nodes that have passed it on.
	Hops uint32
}

// OpenBeyond is Open for a stream that ends at another node than the peer, which passes it on.
func (l *Link) OpenBeyond(stream uint64, who []byte, firstSeq uint64, binding Binding, destination string) (uint32, *wire.Refusal) {
	return l.open(stream, who, firstSeq, binding, destination)
}

// tooLargeForRelay: large messages pass a link in parts, which are put together at its end. A relay does not hold so much for others.
func (l *Link) tooLargeForRelay(size int) Sent {
	return Sent{Result: SendRefused, Refusal: refusal(pb.Code_CODE_TOO_LARGE,
		"a message of %d bytes is over the limit of %d through a relay", size, l.peerLimits.InlineBytes)}
}
