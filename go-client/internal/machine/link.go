package machine

import (
	"cmp"
	"fmt"
	"strings"
	"unicode/utf8"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

const (
	// MinProtocol and MaxProtocol are the protocol versions that this code speaks.
	MinProtocol, MaxProtocol = 1, 1
	// MaxQueuedBytes is the most bytes of streams' items that wait for the writer; beyond it Send answers SendNoRoom.
	MaxQueuedBytes = 256 << 10
	// ReservedBytes is what is kept beyond that for streams of which little waits: their neighbours may have filled the queue.
	ReservedBytes = 128 << 10
	// PacketBytes is where Poll stops adding items to a packet.
	PacketBytes = 64 << 10
	// MaxQueuedAnswers is the most bytes of answers that wait for the writer: far above what an honest peer can ask for
	// while it reads.
	MaxQueuedAnswers = 16 << 20
	// failuresBeyond is what there is beyond that for telling askers that their answers found no room. A peer that has used that up
	// too loses its link.
	failuresBeyond = 1 << 20
	// MaxOutcomes is the most outcomes that wait for the writer; a peer that causes more and reads none loses its link.
	MaxOutcomes = 65_536
	// MaxControls is the most bindings, closes and states that wait for the writer: four for each flow that the default
	// limits allow. A peer that causes more and reads none loses its link.
	MaxControls = 4 * 65_536
	// MaxWindow is the most seqs beyond processed that a receiver's credit is worth: what is noted of each frame is
	// bounded by it.
	MaxWindow = 1 << 20
	// MaxNodeName is the most bytes of a node's name.
	MaxNodeName = 255
	// MaxSeq is the highest seq: far from where adding to it could wrap.
	MaxSeq = 1 << 62
	// MaxTypes is the most TypeDefs in one direction.
	MaxTypes = 4096
	// MaxReads is the most message types that a side says it reads.
	MaxReads = 2048
	// MaxHops: a run that was forwarded more often than this goes in circles.
	MaxHops = 8

	// outcomesInState is the most outcomes in one StreamState; more follow in the next.
	outcomesInState = 64
	// maxDetail is the most bytes of a detail on the wire.
	maxDetail = 1024
	// readsBytes is the most bytes of the types that a side says it reads: a Hello is one frame.
	readsBytes = 64 << 10
	// maxSilentPings: a link is dead after this many pings without a word.
	maxSilentPings = 3
	// maxUnansweredPings: and after this many without an answer to any, whatever else comes. They may lie behind much on a slow way.
	maxUnansweredPings = 12
)

// Role is the side of the handshake that a machine plays.
type Role uint8

const (
	// Dialer says Hello.
	Dialer Role = iota
	// Acceptor answers Welcome.
	Acceptor
)

// Config is what a side says of itself at the handshake.
type Config struct {
	// Role is which side.
	Role Role
	// Node is the node's name.
	Node string
	// Incarnation is random for each process start.
	Incarnation uint64
	// LinkEpoch is the dialer's count of its dials; 0 is 1.
	LinkEpoch uint64
	// MinProtocol and MaxProtocol are the versions spoken.
	MinProtocol, MaxProtocol uint32
	// Capabilities are numbers of pb.Capability.
	Capabilities []uint32
	// Required are capabilities without which there is no link.
	Required []uint32
	// Limits are what this side accepts; zeros and nil are defaults. It must not change afterwards.
	Limits *pb.Limits
	// Software is for people.
	Software string
	// Types are the message types that this side reads. Those beyond MaxReads or 64 KiB are not told. They must not change
	// afterwards.
	Types []*pb.Reads
}

// Phase is where a link is in its life.
type Phase uint8

const (
	// PhaseHandshake is before the handshake ends.
	PhaseHandshake Phase = iota
	// PhaseUp: messages flow.
	PhaseUp
	// PhaseDown is over.
	PhaseDown
)

// ActionKind says what the shell has to do.
type ActionKind uint8

const (
	// ActionUp: the handshake is over. Up.
	ActionUp ActionKind = iota + 1
	// ActionOpened: the peer bound a stream; answer with State or Reset. Flow, Stream, Seq = the first that will come,
	// Binding, Who, Relayed.
	ActionOpened
	// ActionDeliver: one good item came. Delivery.
	ActionDeliver
	// ActionClosed: the peer will send nothing more on this binding, and the flow is gone: no state or outcome can be
	// told any more. Flow, Stream, Seq = the last that was sent on it.
	ActionClosed
	// ActionSkipped: the peer withdraws one of its messages, or has stopped waiting for its answer. Flow, Seq.
	ActionSkipped
	// ActionCredit: an outgoing flow may send more. Flow.
	ActionCredit
	// ActionRefused: the receiver refused one of our messages. Flow, Outcome.
	ActionRefused
	// ActionWayLost: the peer, a relay, has lost the way to where an outgoing stream ends, which we may have closed before. Flow, Stream,
	// First = the first seq of which nobody knows what became, Seq = the last that was sent on it.
	ActionWayLost
	// ActionRebind: our outgoing binding was ended by the receiver, and has been closed. Flow, Seq = the last that was
	// sent on it, Code, with CODE_MOVED also Moved.
	ActionRebind
	// ActionBadItem: an inbound item was refused here; the peer has been answered. The actor's pool has to be told
	// (Pool.Refused). Flow (0 = off-stream), Seq, Refusal, Body for the dead letters; Correlation of an ask that came by relays,
	// which the shell answers.
	ActionBadItem
	// ActionMoved: a step of an actor's move came. Move.
	ActionMoved
	// ActionRoom: there is room again for items.
	ActionRoom
	// ActionDown: the link is over. Down.
	ActionDown
)

// Binding is the place of a binding among those of its stream.
type Binding struct {
	// Number is how many times the stream has been bound, this time included.
	Number uint32
	// After is the earlier binding that sent something last, if an old owner may still pass on some of it or of those before
	// it; 0 = no.
	After uint32
}

// Action is one thing that the shell has to do. Its Kind says which fields count; the others are zero.
type Action struct {
	// Kind says what to do.
	Kind ActionKind
	// Delivery is the item of an ActionDeliver. Other kinds use its Flow, Seq and Body.
	Delivery
	// Stream is the stream number of ActionOpened, ActionClosed and ActionWayLost.
	Stream uint64
	// First is of ActionWayLost.
	First uint64
	// Opened is of ActionOpened: which of the link's openings it is, counted from 1.
	Opened uint32
	// Binding is of ActionOpened.
	Binding Binding
	// Relayed is of ActionOpened: the nodes at its ends, if they are not these two.
	Relayed Relayed
	// Code says why, for ActionRebind.
	Code pb.Code
	// Up is of ActionUp.
	Up *Up
	// Who is source, target and reply address, for ActionOpened.
	Who *wire.Who
	// Outcome is what became of the message, for ActionRefused.
	Outcome *pb.Outcome
	// Moved is where the actor went, for ActionRebind with CODE_MOVED.
	Moved *pb.Moved
	// Refusal says why, for ActionBadItem.
	Refusal *wire.Refusal
	// Move is the step, for ActionMoved.
	Move *pb.Move
	// Down is of ActionDown.
	Down *Down
}

// Up is what the handshake has settled.
type Up struct {
	// Peer is the peer's node name.
	Peer string
	// Incarnation is the peer's.
	Incarnation uint64
	// Protocol is the version that both speak.
	Protocol uint32
	// Capabilities are those that both have.
	Capabilities []uint32
	// Types are the message types that the peer reads, as far as it says.
	Types []*pb.Reads
}

// Down is how a link ended.
type Down struct {
	// Status says why.
	Status pb.Status
	// Detail says why, as a sentence.
	Detail string
	// LastFrame is the last of our frames that the peer acted on, if it said so.
	LastFrame LastFrame
}

// LastFrame is the number of the last of our frames that the peer acted on, if it said so.
type LastFrame struct {
	// Number counts only if Known.
	Number uint64
	// Known is false where the peer said no goodbye.
	Known bool
}

// Delivery is one good item.
type Delivery struct {
	// Flow is the binding; 0 = off-stream.
	Flow uint32
	// TypeID is the TypeDef; 0 = in the body.
	TypeID uint32
	// Seq is off-stream the epoch of the actor's stay that it follows it to, or 0.
	Seq uint64
	// TTLMs is milliseconds left; 0 = no deadline.
	TTLMs uint32
	// Attempt is 0 for the first try.
	Attempt uint32
	// Hops counts the nodes that forwarded it.
	Hops uint32
	// Kind is a pb.Kind as a number, from the type or the body.
	Kind uint32
	// Correlation is 0 for none.
	Correlation uint64
	// Body is the item's bytes, never written to.
	Body []byte
}

type outFlow struct {
	stream  uint64
	whoLen  int
	nextSeq uint64
	// atOnce is the last seq that went past the queue.
	atOnce    uint64
	credit    uint64
	processed uint64
	received  uint64
	// closing: closed by us; the number stays taken until the peer has confirmed it.
	closing bool
	// firstUntold is its first seq, and one more for each outcome that was told: nobody tells of more messages than were sent.
	firstUntold uint64
	// beyond: it ends at another node than the peer.
	beyond bool
	// frames that carried its messages and are not processed yet.
	frames deque[sentFrame]
	large  largeOut
}

// trim forgets the frames that have been processed.
func (f *outFlow) trim() {
	for f.frames.len() > 0 && f.frames.front().lastSeq <= f.processed {
		f.frames.pop()
	}
}

type sentFrame struct{ lastSeq, number uint64 }

type inFlow struct {
	stream     uint64
	opened     uint32
	whoPresent wire.Presence
	whoLen     int
	lastSeq    uint64
	credit     uint64
	large      largeIn
	// relayed: a relay has passed it on, and a bare correlation would not find the asker.
	relayed bool
}

// Link is the machine of one lane: handshake, numbering, credit, and the end.
type Link struct {
	config     Config
	phase      Phase
	openedAt   Millis
	limits     *pb.Limits
	peerLimits *pb.Limits
	// peerNames are those that the peer may have by its certificate, if identified.
	peerNames  []string
	identified bool
	// fragments: both sides can put messages together.
	fragments bool

	// Out.
	number uint64
	// lastWhat is the type that went past the queue last, and its number.
	lastWhat *wire.What
	lastType uint32
	queue    outgoing
	// frontWaits: what is next in the queue found no room behind what came before it in the last packet; it comes first in the next.
	frontWaits bool
	noRoomSaid bool
	head       *pb.Frame // nil = empty
	// packet is the one that head is of.
	packet *wire.Packet
	// runs is memory for those of a packet that is being made.
	runs   []wire.Run
	states map[uint32]*pb.StreamState
	// stateOrder is the flows of states, in the order in which they are told; closed ones may still be in it.
	stateOrder deque[uint32]
	// statesPress: one of states must leave now; else they go with the next packet, or when they are pressed.
	statesPress bool
	// outcomes counts those in states.
	outcomes int
	flows    []*outFlow
	free     []uint32
	types    map[string]uint32
	leaving  leavingLarge

	// In.
	lastNumber uint64
	inFlows    map[uint32]*inFlow
	opened     uint32 // how often the peer has opened a flow
	excess     excess
	inTypes    []*wire.What
	coming     comingLarge
	view       wire.Envelope

	// Liveness.
	nextPing    Millis
	silentPings uint32
	// lastPong is the moment of the newest ping that was answered, if one was.
	lastPong Millis
	hasPong  bool
	// unansweredPings counts those since the last Pong, whatever else came.
	unansweredPings uint32
	// answerLost: an answer found no room.
	answerLost  bool
	goodbyeSaid bool
	draining    bool
	// reconnectAfterMs is what a drain asks of the peer, stayAwayMs what the peer has asked of this side.
	reconnectAfterMs, stayAwayMs uint32
	// refusedFor is what of the peer ended the link; 0 = nothing.
	refusedFor pb.RefusalReason
}

// NewLink makes a machine at the beginning of its handshake. A dialer has a Hello to poll.
func NewLink(config Config, now Millis) *Link {
	l := &Link{
		config: config, openedAt: now, limits: withDefaults(config.Limits), peerLimits: withDefaults(nil),
		states: make(map[uint32]*pb.StreamState), types: make(map[string]uint32), inFlows: make(map[uint32]*inFlow),
	}
	l.nextPing = now + uint64(l.limits.PingMs)
	if config.Role == Dialer {
		l.frame().Hello = l.hello()
	}
	return l
}

// frame is the head of the next packet.
func (l *Link) frame() *pb.Frame {
	if l.head == nil {
		l.packet = wire.NewPacket()
		l.head = l.packet.Head
	}
	return l.head
}

// ExpectPeer says that the peer has shown who it is: it must give itself one of these names. Call it before the handshake.
func (l *Link) ExpectPeer(names []string) { l.peerNames, l.identified = names, true }

// Phase is where the link is in its life.
func (l *Link) Phase() Phase { return l.phase }

// Tick lets time pass: pings, and the end of a silent link. Call it about once a second.
func (l *Link) Tick(now Millis, out []Action) []Action {
	if l.phase == PhaseDown || now < l.nextPing {
		return out
	}
	l.nextPing = now + uint64(l.limits.PingMs)
	if l.silentPings == maxSilentPings {
		return l.endSilent(pb.RefusalReason_REFUSAL_REASON_SILENT, "the peer answered no ping three times in a row", out)
	}
	if l.unansweredPings == maxUnansweredPings {
		detail := fmt.Sprintf("the peer sends, and answered none of %d pings: it does not read", maxUnansweredPings)
		return l.endSilent(pb.RefusalReason_REFUSAL_REASON_NEVER_READS, detail, out)
	}
	if err := l.readsAnswers(); err != nil {
		return l.BadFrame(err.Error(), out)
	}
	l.silentPings++
	if l.phase == PhaseUp {
		l.unansweredPings++
		l.frame().Ping = &pb.Ping{Token: now}
	}
	return out
}

// IsUp says whether it takes new messages: not before the handshake is over, nor once it drains or is down.
func (l *Link) IsUp() bool { return l.phase == PhaseUp && !l.draining }

// Probe asks the peer for a sign of life at once: HasAnswered says when it has come.
func (l *Link) Probe(now Millis) {
	if l.phase == PhaseUp {
		l.frame().Ping = &pb.Ping{Token: now}
	}
}

// HasAnswered says whether an answer has come to a ping of this moment, or of a later one. Other frames, and answers to earlier
// pings, may have been under way while the peer died.
func (l *Link) HasAnswered(since Millis) bool { return l.hasPong && l.lastPong >= since }

// Supersede says that the peer has dialled again: its newer link is in the place of this one, which ends. What still comes by it
// does not count.
func (l *Link) Supersede(out []Action) []Action {
	if l.phase == PhaseDown {
		return out
	}
	const detail = "a newer link of the same node is in its place"
	l.sayGoodbye(pb.GoodbyeCode_GOODBYE_NORMAL, detail)
	return l.goDown(pb.Status_STATUS_LINK_DOWN, detail, LastFrame{}, out)
}

// Drain ends the link gracefully: nothing new is taken; Poll gives what is queued, then a Goodbye with ActionDown.
func (l *Link) Drain() { l.draining = true }

// ReconnectAfter asks the peer to dial again no sooner when this side has drained.
func (l *Link) ReconnectAfter(ms uint32) { l.reconnectAfterMs = ms }

// StayAwayMs is how long the peer has asked this side to stay away.
func (l *Link) StayAwayMs() uint32 { return l.stayAwayMs }

func (l *Link) endDrain(out []Action) []Action {
	l.sayGoodbye(pb.GoodbyeCode_GOODBYE_NORMAL, "the node is shutting down")
	l.frame().Goodbye.ReconnectAfterMs = l.reconnectAfterMs
	return l.goDown(pb.Status_STATUS_LINK_DOWN, "this node closed the link", LastFrame{}, out)
}

// Lost says that the transport is gone.
func (l *Link) Lost(detail string, out []Action) []Action {
	return l.goDown(pb.Status_STATUS_LINK_DOWN, detail, LastFrame{}, out)
}

// BadFrame says that the peer broke the protocol: a frame did not parse, or made no sense.
func (l *Link) BadFrame(detail string, out []Action) []Action {
	if l.phase == PhaseDown {
		return out
	}
	l.refusedFor = cmp.Or(l.refusedFor, pb.RefusalReason_REFUSAL_REASON_BAD_FRAME)
	l.sayGoodbye(pb.GoodbyeCode_GOODBYE_PROTOCOL, detail)
	return l.goDown(pb.Status_STATUS_PROTOCOL, detail, LastFrame{}, out)
}

// OversizedFrame says that the peer sent a frame over the limit.
func (l *Link) OversizedFrame(detail string, out []Action) []Action {
	l.refusedFor = cmp.Or(l.refusedFor, pb.RefusalReason_REFUSAL_REASON_OVERSIZED_FRAME)
	return l.BadFrame(detail, out)
}

// RefusedFor is why this side ended the link, if the peer is to blame; 0 = it is not.
func (l *Link) RefusedFor() pb.RefusalReason {
	if l.phase != PhaseDown {
		return 0
	}
	return l.refusedFor
}

// Refuse says that another node of the peer's name is linked already: this side does not want the link, and says so. Before the
// handshake is over only.
func (l *Link) Refuse(detail string, out []Action) []Action {
	if l.phase != PhaseHandshake {
		return out
	}
	return l.part(pb.RefusalReason_REFUSAL_REASON_DUPLICATE_NAME, detail, out)
}

// endSilent ends a link whose peer does not answer. It may still hear why, and what came of its frames.
func (l *Link) endSilent(reason pb.RefusalReason, detail string, out []Action) []Action {
	l.refusedFor = reason
	l.sayGoodbye(pb.GoodbyeCode_GOODBYE_NORMAL, detail)
	return l.goDown(pb.Status_STATUS_LINK_DOWN, detail, LastFrame{}, out)
}

func (l *Link) sayGoodbye(code pb.GoodbyeCode, detail string) {
	l.frame().Goodbye = &pb.Goodbye{Code: code, Detail: short(detail), LastFrame: l.lastNumber}
	l.goodbyeSaid = true
}

func (l *Link) goDown(status pb.Status, detail string, last LastFrame, out []Action) []Action {
	if l.phase == PhaseDown {
		return out
	}
	l.phase = PhaseDown
	return append(out, Action{Kind: ActionDown, Down: &Down{status, detail, last}})
}

// short is a detail as it may travel: at most 1 KiB of UTF-8.
func short(detail string) string {
	if len(detail) > maxDetail {
		end := maxDetail
		for end > 0 && !utf8.RuneStart(detail[end]) {
			end--
		}
		detail = detail[:end]
	}
	return strings.ToValidUTF8(detail, "\uFFFD")
}
