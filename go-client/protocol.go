package actorbridge

import (
	"maps"
	"slices"
	"sync"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

// A Protocol is what generated code says of a service: the actors of it that this program may host or talk to.
type Protocol struct {
	// Name is the service's full name, such as "shop.v1.Cart".
	Name string
	// Reads are its messages: requests, replies and the state.
	Reads []Reads
}

// Reads is one message type as this program reads it. Peers are told when a link is made, so that they can write an older
// version, or say at once that there is none.
type Reads struct {
	// Type is the full name, such as "shop.v1.AddRequest".
	Type string
	// Version is the highest revision that is read.
	Version uint32
	// MinReader is the least revision that a reader of what is written here must know.
	MinReader uint32
}

// protocols is what this program reads, by type.
var protocols = struct {
	sync.Mutex
	reads map[string]Reads
}{reads: make(map[string]Reads)}

// RegisterProtocol has links that come up from now on tell their peers that this program reads the protocol's messages.
// Generated code calls it at its start. Of a type that several protocols have, the highest version counts.
func RegisterProtocol(p Protocol) {
	protocols.Lock()
	defer protocols.Unlock()
	for _, r := range p.Reads {
		if r.Version > protocols.reads[r.Type].Version {
			protocols.reads[r.Type] = r
		}
	}
}

// reads is what this node reads, as a Hello says it, by name.
func (n *Node) reads() []*pb.Reads {
	protocols.Lock()
	reads := maps.Clone(protocols.reads)
	protocols.Unlock()
	for _, r := range n.alsoReads {
		if r.Version > reads[r.Type].Version {
			reads[r.Type] = r
		}
	}
	all := make([]*pb.Reads, 0, len(reads))
	for _, name := range slices.Sorted(maps.Keys(reads)) {
		r := reads[name]
		all = append(all, &pb.Reads{Type: valid(r.Type), MaxVersion: r.Version, MinReader: r.MinReader})
	}
	return all
}

// versionsOf is the highest version that is read of each type.
func versionsOf(reads []*pb.Reads) map[string]uint32 {
	versions := make(map[string]uint32, len(reads))
	for _, r := range reads {
		versions[r.Type] = max(r.MaxVersion, 1)
	}
	return versions
}
