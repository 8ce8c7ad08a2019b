package machine

import (
	"fmt"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

type arriving uint8

const (
	arrivingCollecting arriving = iota
	arrivingLoading
	arrivingPrepared
	arrivingOver
)

// MoveDestination is the side that the actor comes to. It loads the actor, runs nothing, and activates it once it is
// committed.
//
//	Collecting           Chunk at the right offset                     the last one: MoveLoad -> Loading
//	                     Chunk at another, 10 s of silence             MoveSend Aborted, MoveDrop -> Over
//	Loading              Loaded                                        MoveSend Ready -> Prepared
//	                     Loaded with a refusal                         MoveSend Aborted, MoveDrop -> Over
//	Collecting, Loading  LinkDown                                      MoveDrop -> Over
//	Prepared             Committed; Polled: this node, offered epoch   MoveActivate -> Over
//	                     LinkDown, and each 500 ms after it            MovePoll -> Prepared
//	                     Polled: a higher epoch, or another node       MoveDrop -> Over
//	all                  Aborted                                       MoveDrop -> Over
type MoveDestination struct {
	subject MoveSubject
	state   arriving
	total   uint64
	sha256  []byte
	bytes   []byte
	// until ends Collecting; in Prepared it is the next poll, 0 while the link is up.
	until Millis
}

// NewMoveDestination begins a move that a source has offered. It refuses what cannot be taken, to be answered with
// Aborted: INVALID_ARGUMENT, TOO_LARGE, UNSUPPORTED_CODEC.
func NewMoveDestination(subject MoveSubject, offer *pb.Offer, now Millis) (*MoveDestination, *wire.Refusal) {
	switch {
	case offer.Total == 0 || len(offer.Sha256) != 32 || offer.Type == "" || subject.Epoch < 2:
		return nil, refusal(pb.Code_CODE_INVALID_ARGUMENT,
			"an offer names an epoch above 1, a state type, a length and a sha256 of 32 bytes")
	case offer.Total > MaxTransfer:
		return nil, refusal(pb.Code_CODE_TOO_LARGE, "the offer is of %d bytes, over 64 MiB", offer.Total)
	case offer.Codec != "protobuf":
		return nil, refusal(pb.Code_CODE_UNSUPPORTED_CODEC,
			"the state's codec is '%s'; only protobuf is read here", offer.Codec)
	}
	return &MoveDestination{subject: subject, total: offer.Total, sha256: offer.Sha256, until: now + MoveSilence}, nil
}

// Subject says which move it is.
func (d *MoveDestination) Subject() MoveSubject { return d.subject }

// Sha256 is what was offered.
func (d *MoveDestination) Sha256() []byte { return d.sha256 }

// IsOver says whether nothing is left to do.
func (d *MoveDestination) IsOver() bool { return d.state == arrivingOver }

// Receive acts on a step of the source.
func (d *MoveDestination) Receive(step *pb.Move, now Millis, out []MoveAction) []MoveAction {
	if !d.subject.is(step) || d.state == arrivingOver {
		return out
	}
	switch step := step.Step.(type) {
	case *pb.Move_Chunk:
		if d.state == arrivingCollecting {
			return d.collect(step.Chunk, now, out)
		}
	case *pb.Move_Committed:
		if d.state == arrivingPrepared {
			d.state = arrivingOver
			return append(out, MoveAction{Kind: MoveActivate})
		}
	case *pb.Move_Aborted:
		return d.forget("the source aborted: "+step.Aborted.Detail, out)
	}
	return out
}

func (d *MoveDestination) collect(chunk *pb.Chunk, now Millis, out []MoveAction) []MoveAction {
	have := uint64(len(d.bytes))
	if chunk.Offset != have || uint64(len(chunk.Data)) > d.total-have {
		return d.abort(refusal(pb.Code_CODE_INVALID_ARGUMENT, "a chunk of %d bytes came at %d; %d of %d were there",
			len(chunk.Data), chunk.Offset, have, d.total), out)
	}
	d.bytes = append(d.bytes, chunk.Data...)
	d.until = now + MoveSilence
	if uint64(len(d.bytes)) == d.total {
		out = append(out, MoveAction{Kind: MoveLoad, Snapshot: d.bytes})
		d.state, d.bytes = arrivingLoading, nil
	}
	return out
}

// Loaded says that the actor was loaded, or why it could not be.
func (d *MoveDestination) Loaded(refused *wire.Refusal, out []MoveAction) []MoveAction {
	switch {
	case d.state != arrivingLoading:
		return out
	case refused != nil:
		return d.abort(refused, out)
	}
	d.state, d.until = arrivingPrepared, 0
	return append(out, MoveAction{Kind: MoveSend, Step: &pb.Move{
		Actor: d.subject.Actor, Epoch: d.subject.Epoch, Step: &pb.Move_Ready{Ready: &pb.Ready{Sha256: d.sha256}},
	}})
}

// LinkDown says that the link to the source is over.
func (d *MoveDestination) LinkDown(now Millis, out []MoveAction) []MoveAction {
	switch d.state {
	case arrivingPrepared:
		d.until = now + MoveRetry
		return append(out, MoveAction{Kind: MovePoll})
	case arrivingCollecting, arrivingLoading:
		return d.forget("the link to its source was lost before it was ready", out)
	default:
		return out
	}
}

// Polled says that the owner cell names this owner now.
func (d *MoveDestination) Polled(owner string, epoch uint64, out []MoveAction) []MoveAction {
	switch {
	case d.state != arrivingPrepared || epoch < d.subject.Epoch:
		return out
	case owner == d.subject.Destination && epoch == d.subject.Epoch:
		d.state = arrivingOver
		return append(out, MoveAction{Kind: MoveActivate})
	default:
		return d.forget(fmt.Sprintf("node %s owns it at epoch %d", owner, epoch), out)
	}
}

// Tick lets time pass.
func (d *MoveDestination) Tick(now Millis, out []MoveAction) []MoveAction {
	switch {
	case now < d.until:
		return out
	case d.state == arrivingCollecting:
		return d.abort(refusal(pb.Code_CODE_UNAVAILABLE, "no chunk came for 10 s"), out)
	case d.state == arrivingPrepared && d.until != 0:
		d.until = now + MoveRetry
		return append(out, MoveAction{Kind: MovePoll})
	default:
		return out
	}
}

func (d *MoveDestination) abort(why *wire.Refusal, out []MoveAction) []MoveAction {
	return d.forget(why.Detail, append(out, d.subject.aborted(why)))
}

func (d *MoveDestination) forget(why string, out []MoveAction) []MoveAction {
	d.state, d.bytes = arrivingOver, nil
	return append(out, MoveAction{Kind: MoveDrop, Detail: why})
}
