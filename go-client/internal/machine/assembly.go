package machine

import (
	"errors"
	"fmt"
	"math"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// Messages that come in parts are put together: see fragments.go.

// assembly is a message of which parts have come.
type assembly struct {
	seq, total uint64
	body       []byte
}

// comingLarge is what is on its way from the peer.
type comingLarge struct {
	// answers are off-stream, by number; begun is their bytes when they are whole.
	answers map[uint64]*assembly
	begun   uint64
	// unprocessed is bytes of flows' messages: in part here, or whole and not processed.
	unprocessed uint64
}

// largeIn is what an incoming flow has of such messages.
type largeIn struct {
	assembly *assembly
	// whole are those that came whole and are not processed.
	whole []sizedSeq
}

func (l *Link) onFragments(parts []*pb.Fragment, out []Action) (_ []Action, err error) {
	if len(parts) > 0 && !l.fragments {
		return out, errors.New("a Fragment came, and fragments were not negotiated")
	}
	for _, part := range parts {
		if l.phase != PhaseUp {
			break
		}
		end := part.Offset + min(uint64(len(part.Data)), math.MaxUint64-part.Offset)
		if len(part.Data) == 0 || end > part.Total {
			return out, fmt.Errorf("a Fragment ends at %d of %d bytes, or is empty", end, part.Total)
		}
		if part.Flow == 0 {
			out, err = l.onAnswerPart(part, out)
		} else {
			out, err = l.onPart(part, out)
		}
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

func (l *Link) onAnswerPart(part *pb.Fragment, out []Action) ([]Action, error) {
	if part.Offset == 0 {
		if part.Total > largest(l.limits, true) || !fits(l.coming.begun, part.Total, l.limits.AssemblyBytes) {
			return out, fmt.Errorf("answers of %d bytes are begun, and one of %d", l.coming.begun, part.Total)
		}
		if len(l.coming.answers) == MaxBegun {
			return out, fmt.Errorf("%d answers are begun, and one more", MaxBegun)
		}
		l.dropAnswer(part.Seq)
		l.coming.begun += part.Total
		if l.coming.answers == nil {
			l.coming.answers = make(map[uint64]*assembly)
		}
		l.coming.answers[part.Seq] = &assembly{seq: part.Seq, total: part.Total}
	}
	a := l.coming.answers[part.Seq]
	if a == nil {
		return out, nil
	}
	isNext, isWhole := a.add(part)
	if !isNext || isWhole {
		l.dropAnswer(part.Seq)
	}
	if isWhole {
		out, _ = l.whole(part, a.body, out)
	}
	return out, nil
}

func (l *Link) dropAnswer(number uint64) {
	if dropped := l.coming.answers[number]; dropped != nil {
		l.coming.begun -= dropped.total
		delete(l.coming.answers, number)
	}
}

func (l *Link) onPart(part *pb.Fragment, out []Action) ([]Action, error) {
	in := l.inFlows[part.Flow]
	switch {
	case in == nil:
		return out, fmt.Errorf("a Fragment came on flow %d, which is not open", part.Flow)
	case part.Seq == 0 || part.Seq > MaxSeq:
		return out, fmt.Errorf("a Fragment of flow %d has seq %d", part.Flow, part.Seq)
	case part.Seq <= in.lastSeq:
		return out, nil // a duplicate, or of one that was refused
	}
	if part.Offset == 0 {
		refused := l.refusalOf(in, part)
		l.dropAssembly(in)
		if refused != nil {
			return l.refusePart(in, part, refused, out), nil
		}
		l.coming.unprocessed += part.Total
		in.large.assembly = &assembly{seq: part.Seq, total: part.Total}
	}
	a := in.large.assembly
	isNext, isWhole := false, false
	if a != nil && a.seq == part.Seq {
		isNext, isWhole = a.add(part)
	}
	if !isNext || isWhole {
		l.dropAssembly(in)
	}
	if isWhole {
		var delivered bool
		if out, delivered = l.whole(part, a.body, out); delivered {
			l.coming.unprocessed += part.Total
			in.large.whole = append(in.large.whole, sizedSeq{part.Seq, part.Total})
		}
	}
	return out, nil
}

// refusalOf is why a message of a flow cannot come, by its first part.
func (l *Link) refusalOf(in *inFlow, part *pb.Fragment) *wire.Refusal {
	size, limit := part.Total+min(uint64(in.whoLen), math.MaxUint64-part.Total), largest(l.limits, true)
	switch held := l.coming.unprocessed; {
	case part.Seq > in.credit:
		return in.beyondCredit(part.Flow, part.Seq)
	case size > limit:
		return refusal(pb.Code_CODE_TOO_LARGE, "a message of %d bytes is over the limit of %d", size, limit)
	case !fits(held, part.Total, l.limits.AssemblyBytes):
		return refusal(pb.Code_CODE_MAILBOX_FULL, "large messages of %d bytes are not processed yet; wait for those", held)
	}
	return nil
}

// refusePart refuses a message of which not all has come, or nothing.
func (l *Link) refusePart(in *inFlow, part *pb.Fragment, refused *wire.Refusal, out []Action) []Action {
	if part.Seq <= in.credit {
		in.lastSeq = part.Seq
	}
	return l.refuseItem(&Delivery{Flow: part.Flow, Seq: part.Seq, TypeID: part.Type, Body: part.Data}, refused, out)
}

// withdrawn: the peer withdraws a message that has come in part or not at all; false: it has come.
func (l *Link) withdrawn(flow uint32, seq uint64, out []Action) (_ []Action, unseen bool) {
	in := l.inFlows[flow]
	if in == nil || seq <= in.lastSeq || seq > in.credit {
		return out, false
	}
	l.dropAssembly(in)
	refused := refusal(pb.Code_CODE_CANCELLED, "it was withdrawn before it had left")
	return l.refusePart(in, &pb.Fragment{Flow: flow, Seq: seq}, refused, out), true
}

// whole: all parts are there; true = it was delivered.
func (l *Link) whole(part *pb.Fragment, body []byte, out []Action) (_ []Action, delivered bool) {
	d := Delivery{
		Flow: part.Flow, TypeID: part.Type, TTLMs: part.TtlMs, Attempt: part.Attempt, Hops: part.Hops, Body: body,
	}
	in := l.inFlows[part.Flow]
	if d.Seq = part.ActorEpoch; in != nil {
		d.Seq = part.Seq
	}
	if refused := l.check(in, &d, largest(l.limits, true)); refused != nil {
		return l.refuseItem(&d, refused, out), false
	}
	return append(out, Action{Kind: ActionDeliver, Delivery: d}), true
}

// dropAssembly: what came in part of a flow does not come any more.
func (l *Link) dropAssembly(in *inFlow) {
	if in.large.assembly != nil {
		l.coming.unprocessed -= in.large.assembly.total
		in.large.assembly = nil
	}
}

// largeDone: this side has processed an incoming flow's messages up to this one.
func (l *Link) largeDone(in *inFlow, processed uint64) {
	l.coming.unprocessed -= trimSized(&in.large.whole, processed)
}

// add takes a part; isNext: nothing is missing before it.
func (a *assembly) add(part *pb.Fragment) (isNext, isWhole bool) {
	if part.Offset != uint64(len(a.body)) || part.Total != a.total {
		return false, false
	}
	// It grows with what comes, not by what was announced.
	a.body = append(a.body, part.Data...)
	return true, uint64(len(a.body)) == a.total
}
