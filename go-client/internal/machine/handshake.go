package machine

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

const (
	// minFrame is the least max_frame_bytes of a peer: a packet of states, and one state more with as many outcomes as
	// there may be.
	minFrame = 144 << 10
	// minInline is the least inline_bytes of a peer: each message beyond them costs more than its bytes.
	minInline = 1 << 10
	// maxInline is the most bytes of an envelope that goes whole, whatever a peer takes: more would not fit among what may wait for the
	// writer.
	maxInline = 64 << 10
	// readsOverhead is what a message type takes in a Hello beside its name, at most.
	readsOverhead = 32
)

// withDefaults is the limits with each zero replaced by its default.
func withDefaults(limits *pb.Limits) *pb.Limits {
	return &pb.Limits{
		MaxFrameBytes:   cmp.Or(limits.GetMaxFrameBytes(), 256<<10),
		InlineBytes:     cmp.Or(limits.GetInlineBytes(), maxInline),
		MaxMessageBytes: cmp.Or(limits.GetMaxMessageBytes(), 16<<20),
		MaxFlows:        cmp.Or(limits.GetMaxFlows(), 65_536),
		InitialCredit:   cmp.Or(limits.GetInitialCredit(), 16),
		AssemblyBytes:   cmp.Or(limits.GetAssemblyBytes(), 64<<20),
		PingMs:          cmp.Or(limits.GetPingMs(), 5_000),
	}
}

func (l *Link) hello() *pb.Hello {
	return &pb.Hello{
		MinProtocol: l.config.MinProtocol, MaxProtocol: l.config.MaxProtocol,
		Node: l.config.Node, Incarnation: l.config.Incarnation, LinkEpoch: cmp.Or(l.config.LinkEpoch, 1), Lanes: 1,
		Capabilities: l.config.Capabilities, Required: l.config.Required, Limits: l.ownLimits(), Software: l.config.Software,
		Types: l.toldTypes(),
	}
}

// toldTypes is what this side reads, as far as it fits into a Hello: a type that is not told is sent as it is.
func (l *Link) toldTypes() []*pb.Reads {
	types := l.config.Types[:min(len(l.config.Types), MaxReads)]
	room := readsBytes
	for i, reads := range types {
		size := len(reads.Type) + readsOverhead
		if size > room {
			return types[:i]
		}
		room -= size
	}
	return types
}

// TypesTold is how many of the types of its config, from the first on, a link tells its peer.
func (l *Link) TypesTold() int { return len(l.toldTypes()) }

// tooMany says why a peer that reads so many types cannot be linked with, or nothing.
func tooMany(types []*pb.Reads) string {
	if len(types) <= MaxReads {
		return ""
	}
	return fmt.Sprintf("the peer says that it reads %d types; at most %d", len(types), MaxReads)
}

// ownLimits is what travels: zeros stay, so that the defaults are the reader's.
func (l *Link) ownLimits() *pb.Limits {
	if l.config.Limits == nil {
		return new(pb.Limits)
	}
	return l.config.Limits
}

// Limits is what this side accepts, with defaults filled in. Do not change it.
func (l *Link) Limits() *pb.Limits { return l.limits }

// PeerLimits is what the peer accepts, as far as it is made use of, with defaults filled in; the defaults before the handshake. Do not
// change it.
func (l *Link) PeerLimits() *pb.Limits { return l.peerLimits }

// adoptLimits takes over what the peer accepts, as far as it is made use of. It answers what is wrong with them, or nothing.
func (l *Link) adoptLimits(limits *pb.Limits) (wrong string) {
	adopted := withDefaults(limits)
	if adopted.MaxFrameBytes < minFrame || adopted.MaxFrameBytes > wire.MaxFrameBytes {
		return fmt.Sprintf("the peer's max_frame_bytes is %d; it must be from %d to %d",
			adopted.MaxFrameBytes, minFrame, wire.MaxFrameBytes)
	}
	if adopted.InlineBytes < minInline {
		return fmt.Sprintf("the peer's inline_bytes is %d; it must be %d at least", adopted.InlineBytes, minInline)
	}
	adopted.InlineBytes = min(adopted.InlineBytes, maxInline)
	l.peerLimits = adopted
	return ""
}

// part ends a link that cannot be, with words for both sides.
func (l *Link) part(reason pb.RefusalReason, detail string, out []Action) []Action {
	code, status := pb.GoodbyeCode_GOODBYE_FORBIDDEN, pb.Status_STATUS_PROTOCOL
	if reason == pb.RefusalReason_REFUSAL_REASON_INCOMPATIBLE {
		code, status = pb.GoodbyeCode_GOODBYE_CAPABILITY, pb.Status_STATUS_CAPABILITY
	}
	l.refusedFor = reason
	l.sayGoodbye(code, detail)
	return l.goDown(status, detail, LastFrame{}, out)
}

func (l *Link) onHello(hello *pb.Hello, out []Action) []Action {
	if l.config.Role == Dialer {
		return l.BadFrame("a Hello came to the side that dialled", out)
	}
	// First, so that what is said of a peer below, to it and to the log, is bounded.
	if wrong := l.badName(hello.Node); wrong != "" {
		return l.part(pb.RefusalReason_REFUSAL_REASON_DUPLICATE_NAME, wrong, out)
	}
	low, high := l.config.MinProtocol, l.config.MaxProtocol
	version := min(high, hello.MaxProtocol)
	if version < max(low, hello.MinProtocol) {
		detail := fmt.Sprintf("no protocol version in common: %s speaks %d to %d, %s speaks %d to %d",
			hello.Node, hello.MinProtocol, hello.MaxProtocol, l.config.Node, low, high)
		l.refusedFor = pb.RefusalReason_REFUSAL_REASON_INCOMPATIBLE
		l.sayGoodbye(pb.GoodbyeCode_GOODBYE_VERSION, detail)
		return l.goDown(pb.Status_STATUS_VERSION, detail, LastFrame{}, out)
	}
	if wrong := l.forgedName(hello.Node); wrong != "" {
		return l.part(pb.RefusalReason_REFUSAL_REASON_WRONG_NAME, wrong, out)
	}
	if lacking := l.missing(hello.Required, hello.Capabilities, hello.Node); lacking != "" {
		return l.part(pb.RefusalReason_REFUSAL_REASON_INCOMPATIBLE, lacking, out)
	}
	if wrong := cmp.Or(l.adoptLimits(hello.Limits), tooMany(hello.Types)); wrong != "" {
		return l.BadFrame(wrong, out)
	}
	both := inCommon(l.config.Capabilities, hello.Capabilities)
	l.fragments = slices.Contains(both, uint32(pb.Capability_CAPABILITY_FRAGMENTS))
	l.frame().Welcome = &pb.Welcome{
		Protocol: version, Node: l.config.Node, Incarnation: l.config.Incarnation, Capabilities: both, Limits: l.ownLimits(),
		Types: l.toldTypes(),
	}
	l.phase = PhaseUp
	return append(out, Action{Kind: ActionUp, Up: &Up{hello.Node, hello.Incarnation, version, both, hello.Types}})
}

func (l *Link) onWelcome(welcome *pb.Welcome, out []Action) []Action {
	if l.config.Role == Acceptor || l.phase != PhaseHandshake {
		return l.BadFrame("a Welcome came that answers no Hello", out)
	}
	if low, high := l.config.MinProtocol, l.config.MaxProtocol; welcome.Protocol < low || welcome.Protocol > high {
		return l.BadFrame(fmt.Sprintf("the Welcome chose protocol %d, not one of %d to %d", welcome.Protocol, low, high), out)
	}
	if wrong := l.badName(welcome.Node); wrong != "" {
		return l.BadFrame(wrong, out)
	}
	if wrong := l.forgedName(welcome.Node); wrong != "" {
		return l.part(pb.RefusalReason_REFUSAL_REASON_WRONG_NAME, wrong, out)
	}
	if lacking := l.missing(nil, welcome.Capabilities, welcome.Node); lacking != "" {
		return l.part(pb.RefusalReason_REFUSAL_REASON_INCOMPATIBLE, lacking, out)
	}
	if wrong := cmp.Or(l.adoptLimits(welcome.Limits), tooMany(welcome.Types)); wrong != "" {
		return l.BadFrame(wrong, out)
	}
	both := inCommon(l.config.Capabilities, welcome.Capabilities)
	l.fragments = slices.Contains(both, uint32(pb.Capability_CAPABILITY_FRAGMENTS))
	l.phase = PhaseUp
	return append(out, Action{Kind: ActionUp, Up: &Up{welcome.Node, welcome.Incarnation, welcome.Protocol, both, welcome.Types}})
}

// badName says why a node of this name cannot be linked with, or nothing.
func (l *Link) badName(peer string) string {
	switch {
	case len(peer) > MaxNodeName:
		return fmt.Sprintf("the peer's name has %d bytes; give it one of at most %d", len(peer), MaxNodeName)
	case peer == "" || peer == l.config.Node:
		return fmt.Sprintf("two nodes named '%s' cannot be linked; give each its own name", peer)
	default:
		return ""
	}
}

// forgedName says why a node of this name is not the one whose certificate was shown, or nothing. Both sides are told.
func (l *Link) forgedName(peer string) string {
	if !l.identified || slices.Contains(l.peerNames, peer) {
		return ""
	}
	of := "names no node"
	if len(l.peerNames) > 0 {
		of = "is of " + strings.Join(l.peerNames, ", ")
	}
	return fmt.Sprintf("the certificate of node %s %s; give it one with the URI ab://%s, or name the node as its certificate does",
		peer, of, peer)
}

// inCommon is those of ours that the peer has too, in our order.
func inCommon(ours, theirs []uint32) []uint32 {
	both := make([]uint32, 0, len(ours))
	for _, capability := range ours {
		if slices.Contains(theirs, capability) {
			both = append(both, capability)
		}
	}
	return both
}

// missing is what one side requires and the other lacks, as a sentence that both are told.
func (l *Link) missing(peerRequires, peerHas []uint32, peer string) string {
	for _, want := range []struct {
		who      string
		required []uint32
		other    string
		has      []uint32
	}{
		{peer, peerRequires, l.config.Node, l.config.Capabilities},
		{l.config.Node, l.config.Required, peer, peerHas},
	} {
		for _, capability := range want.required {
			if !slices.Contains(want.has, capability) {
				name := cmp.Or(pb.Capability_name[int32(capability)], "unknown")
				return fmt.Sprintf("%s requires capability %d (%s), which %s lacks", want.who, capability, name, want.other)
			}
		}
	}
	return ""
}

func (l *Link) onGoodbye(goodbye *pb.Goodbye, out []Action) []Action {
	l.stayAwayMs = goodbye.ReconnectAfterMs
	status := pb.Status_STATUS_LINK_DOWN
	switch goodbye.Code {
	case pb.GoodbyeCode_GOODBYE_VERSION:
		status = pb.Status_STATUS_VERSION
	case pb.GoodbyeCode_GOODBYE_CAPABILITY:
		status = pb.Status_STATUS_CAPABILITY
	case pb.GoodbyeCode_GOODBYE_PROTOCOL, pb.GoodbyeCode_GOODBYE_FORBIDDEN:
		status = pb.Status_STATUS_PROTOCOL
	}
	return l.goDown(status, "the peer said goodbye: "+short(goodbye.Detail), LastFrame{goodbye.LastFrame, true}, out)
}
