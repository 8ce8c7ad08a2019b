package machine

import (
	"bytes"
	"strings"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

const (
	// ChunkBytes is the most bytes of a snapshot in one Chunk; less if the peer's frames are smaller.
	ChunkBytes = 48 << 10
	// MaxTransfer is the most bytes of a snapshot that moves.
	MaxTransfer = 64 << 20
	// MaxArriving is the most actors that may be on their way to one node.
	MaxArriving = 64
	// MaxArrivingBytes is the most bytes of the actors that may be on their way to one node.
	MaxArrivingBytes = 256 << 20
	// MoveSilence is how long a side waits for the other's next step, before the swap.
	MoveSilence Millis = 10_000
	// MoveRetry is the time between two tries to reach the actor's home.
	MoveRetry Millis = 500
)

// MoveActionKind says what the shell of a move has to do.
type MoveActionKind uint8

const (
	// MoveSend: send Step to the peer.
	MoveSend MoveActionKind = iota + 1
	// MoveSwap, at the source: compare-and-swap at home, from (source, epoch - 1) to (destination, epoch); answer Swapped
	// or Unanswered.
	MoveSwap
	// MoveStay, at the source: the actor goes on here; the move failed, and Refusal says why. Epoch is what the owner cell
	// showed, if EpochKnown.
	MoveStay
	// MoveRaise, at the source, after MoveStay: compare-and-swap at home to (source, epoch + 1), if home answers at once.
	// A destination that may be prepared and hears nothing sees by it that the offer is void.
	MoveRaise
	// MoveLeave, at the source: the actor is at Owner with Epoch from now on; forward to it what comes late.
	MoveLeave
	// MoveLoad, at the destination: read Snapshot, make the actor, restore its state, run nothing; answer Loaded.
	MoveLoad
	// MoveActivate, at the destination: the actor lives here from now on.
	MoveActivate
	// MoveDrop, at the destination: forget what was loaded; Detail says why.
	MoveDrop
	// MovePoll, at the destination: ask the actor's home who owns it; answer Polled, or nothing if it cannot be reached.
	MovePoll
)

// MoveAction is one thing that the shell of a move has to do. Its Kind says which fields count.
type MoveAction struct {
	// Kind says what to do.
	Kind MoveActionKind
	// EpochKnown says of MoveStay whether Epoch counts.
	EpochKnown bool
	// Epoch is the owner's, of MoveLeave and MoveStay.
	Epoch uint64
	// Step is of MoveSend.
	Step *pb.Move
	// Refusal is of MoveStay.
	Refusal *wire.Refusal
	// Owner is of MoveLeave.
	Owner string
	// Snapshot is of MoveLoad.
	Snapshot []byte
	// Detail is of MoveDrop.
	Detail string
}

// MoveSubject says which move.
type MoveSubject struct {
	// Actor is the actor's logical address.
	Actor string
	// Epoch is the epoch on offer: the source's + 1.
	Epoch uint64
	// Source and Destination are node names.
	Source, Destination string
}

func (s *MoveSubject) is(step *pb.Move) bool { return step.Actor == s.Actor && step.Epoch == s.Epoch }

func (s *MoveSubject) aborted(why *wire.Refusal) MoveAction {
	return MoveAction{Kind: MoveSend, Step: &pb.Move{
		Actor: s.Actor, Epoch: s.Epoch,
		Step: &pb.Move_Aborted{Aborted: &pb.Aborted{Code: why.Code, Detail: strings.ToValidUTF8(why.Detail, "\uFFFD")}},
	}}
}

type leaving uint8

const (
	leavingFreezing leaving = iota
	leavingSending
	leavingSwapping
	leavingOver
)

// MoveSource is the side that the actor leaves.
//
// It freezes the actor, offers it, and swaps the owner once the destination is ready. What makes a move safe: only the
// source swaps, only while the actor is frozen, and it waits for the answer however long that takes; and the destination
// activates only when the source says Committed, or when the owner cell at home names it at the offered epoch.
//
//	Freezing   Cut                                            MoveSend Offer and Chunks -> Sending
//	           Refuse, LinkDown, the freeze time is over      MoveStay -> Over
//	Sending    Ready with the offered sha256                  MoveSwap -> Swapping
//	           Ready with another, Refuse                     MoveSend Aborted, MoveStay, MoveRaise -> Over
//	           Aborted                                        MoveStay -> Over
//	           LinkDown, silence (MoveSend Aborted first)     MoveStay, MoveRaise -> Over
//	Swapping   Swapped: the destination, at the offered epoch MoveSend Committed, MoveLeave -> Over
//	           Swapped: this node, at whatever epoch          MoveSend Aborted, MoveStay with that epoch -> Over
//	           Swapped: another node, or a higher epoch       MoveSend Aborted, MoveLeave for the owner -> Over
//	           Unanswered, then 500 ms                        MoveSwap -> Swapping
//
// Every other event in a state does nothing: once it swaps, the answer decides.
type MoveSource struct {
	subject  MoveSubject
	state    leaving
	freezeMs Millis
	// until ends Freezing and Sending; in Swapping it is the next try, 0 while one is under way.
	until  Millis
	sha256 []byte
}

// NewMoveSource begins a move whose actor has just been frozen; its running handler may take freezeMs to end.
func NewMoveSource(subject MoveSubject, freezeMs, now Millis) *MoveSource {
	return &MoveSource{subject: subject, freezeMs: freezeMs, until: now + freezeMs}
}

// Subject says which move it is.
func (s *MoveSource) Subject() MoveSubject { return s.subject }

// IsSwapping says whether only the owner cell's answer ends the move now.
func (s *MoveSource) IsSwapping() bool { return s.state == leavingSwapping }

// IsOver says whether nothing is left to do.
func (s *MoveSource) IsOver() bool { return s.state == leavingOver }

// Cut takes the actor: no handler runs, and offer announces snapshot, which is sent chunk bytes at a time. It keeps slices
// of snapshot.
func (s *MoveSource) Cut(offer *pb.Offer, snapshot []byte, chunk int, now Millis, out []MoveAction) []MoveAction {
	if s.state != leavingFreezing {
		return out
	}
	if len(snapshot) > MaxTransfer {
		return s.stay(refusal(pb.Code_CODE_TOO_LARGE,
			"the actor and what it holds are %d bytes, over 64 MiB", len(snapshot)), out)
	}
	s.state, s.sha256, s.until = leavingSending, offer.Sha256, now+MoveSilence
	send := func(step *pb.Move) {
		step.Actor, step.Epoch = s.subject.Actor, s.subject.Epoch
		out = append(out, MoveAction{Kind: MoveSend, Step: step})
	}
	send(&pb.Move{Step: &pb.Move_Offer{Offer: offer}})
	chunk = min(max(chunk, 1), ChunkBytes)
	for at := 0; at < len(snapshot); at += chunk {
		data := snapshot[at:min(at+chunk, len(snapshot))]
		send(&pb.Move{Step: &pb.Move_Chunk{Chunk: &pb.Chunk{Offset: uint64(at), Data: data}}})
	}
	return out
}

// Refuse says that something at this side forbids the move.
func (s *MoveSource) Refuse(why *wire.Refusal, out []MoveAction) []MoveAction {
	switch s.state {
	case leavingFreezing:
		return s.stay(why, out)
	case leavingSending:
		out = s.stay(why, append(out, s.subject.aborted(why)))
		return append(out, MoveAction{Kind: MoveRaise}) // the Aborted may be lost with the link
	default:
		return out
	}
}

// Receive acts on a step of the destination.
func (s *MoveSource) Receive(step *pb.Move, out []MoveAction) []MoveAction {
	if s.state != leavingSending || !s.subject.is(step) {
		return out
	}
	switch step := step.Step.(type) {
	case *pb.Move_Ready:
		if !bytes.Equal(step.Ready.Sha256, s.sha256) {
			return s.Refuse(refusal(pb.Code_CODE_UNDECODABLE,
				"node %s loaded something else than was offered", s.subject.Destination), out)
		}
		s.state, s.until = leavingSwapping, 0
		return append(out, MoveAction{Kind: MoveSwap})
	case *pb.Move_Aborted:
		code := step.Aborted.Code
		if _, known := pb.Code_name[int32(code)]; !known {
			code = pb.Code_CODE_OUTCOME_UNKNOWN // a later version's: only the newer peer could say
		}
		return s.stay(refusal(code, "node %s refused it: %s", s.subject.Destination, step.Aborted.Detail), out)
	default:
		return out
	}
}

// Swapped says that the owner cell names this owner now.
func (s *MoveSource) Swapped(owner string, epoch uint64, out []MoveAction) []MoveAction {
	if s.state != leavingSwapping {
		return out
	}
	s.state = leavingOver
	switch {
	case owner == s.subject.Source:
		why := refusal(pb.Code_CODE_FENCED, "the owner cell shows epoch %d of this node; try again", epoch)
		return append(out, s.subject.aborted(why),
			MoveAction{Kind: MoveStay, Epoch: epoch, EpochKnown: true, Refusal: why})
	case owner == s.subject.Destination && epoch == s.subject.Epoch:
		out = append(out, MoveAction{Kind: MoveSend, Step: &pb.Move{
			Actor: s.subject.Actor, Epoch: s.subject.Epoch,
			Step: &pb.Move_Committed{Committed: &pb.Committed{Epoch: epoch}},
		}})
	default:
		out = append(out, s.subject.aborted(refusal(pb.Code_CODE_FENCED, "node %s owns it at epoch %d", owner, epoch)))
	}
	return append(out, MoveAction{Kind: MoveLeave, Owner: owner, Epoch: epoch})
}

// Unanswered says that the actor's home could not be reached, or did not answer.
func (s *MoveSource) Unanswered(now Millis) {
	if s.state == leavingSwapping {
		s.until = now + MoveRetry
	}
}

// LinkDown says that the link to the destination is over.
func (s *MoveSource) LinkDown(detail string, out []MoveAction) []MoveAction {
	offered := s.state == leavingSending
	if s.state != leavingFreezing && !offered {
		return out
	}
	step := "before the actor was offered"
	if offered {
		step = "while the actor was offered to it"
	}
	out = s.stay(refusal(pb.Code_CODE_UNAVAILABLE,
		"the link to node %s was lost %s: %s", s.subject.Destination, step, detail), out)
	if offered {
		out = append(out, MoveAction{Kind: MoveRaise})
	}
	return out
}

// Tick lets time pass.
func (s *MoveSource) Tick(now Millis, out []MoveAction) []MoveAction {
	if now < s.until {
		return out
	}
	switch {
	case s.state == leavingFreezing:
		return s.stay(refusal(pb.Code_CODE_HANDLER_TIMEOUT, "its handler did not end in %d ms", s.freezeMs), out)
	case s.state == leavingSending:
		return s.Refuse(refusal(pb.Code_CODE_UNAVAILABLE, "node %s was not ready in 10 s", s.subject.Destination), out)
	case s.state == leavingSwapping && s.until != 0:
		s.until = 0
		return append(out, MoveAction{Kind: MoveSwap})
	default:
		return out
	}
}

func (s *MoveSource) stay(why *wire.Refusal, out []MoveAction) []MoveAction {
	s.state = leavingOver
	return append(out, MoveAction{Kind: MoveStay, Refusal: why})
}
