package machine

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// describe says what a packet holds, a line for each thing.
func describe(p *wire.Packet, out []line) []line {
	h := p.Head
	put := func(l line) { out = append(out, l) }
	put(inside("frame").number("number", h.Number).number("sent_ms", uint64(h.SentMs)))
	if hello := h.Hello; hello != nil {
		put(describeHello(hello))
	}
	if w := h.Welcome; w != nil {
		l := inside("welcome").number("protocol", uint64(w.Protocol)).quoted("node", w.Node).
			number("incarnation", w.Incarnation)
		put(limits(list(l, "capabilities", w.Capabilities), w.Limits).quoted("types", describeTypes(w.Types)))
	}
	for _, o := range h.Open {
		word := "open"
		if o.Close {
			word = "close"
		}
		put(inside(word).number("flow", uint64(o.Flow)).number("stream", o.Stream).number("epoch", o.Epoch).
			number("mode", uint64(o.Mode)).quoted("prefix", string(o.Prefix)).number("first_seq", o.FirstSeq).
			number("binding", uint64(o.Binding)).number("after", uint64(o.After)).
			quoted("destination", o.Destination).quoted("origin", o.Origin).number("hops", uint64(o.Hops)))
	}
	for _, d := range h.Type {
		put(inside("type").number("id", uint64(d.Id)).quoted("prefix", string(d.Prefix)))
	}
	for _, s := range h.State {
		put(inside("state").number("flow", uint64(s.Flow)).number("processed", s.Processed).
			number("received", s.Received).number("credit", s.Credit))
		for _, o := range s.Outcomes {
			put(describeOutcome(inside("  outcome"), o))
		}
	}
	for _, s := range h.Skip {
		put(inside("skip").number("flow", uint64(s.Flow)).number("first", s.First).number("count", uint64(s.Count)).
			word("reason", s.Reason.String()))
	}
	for _, r := range h.Reset_ {
		put(describeMoved(inside("reset").number("flow", uint64(r.Flow)).word("code", r.Code.String()), r.Moved))
	}
	for _, m := range h.Move {
		put(describeStep(inside("move"), m))
	}
	if h.Ping != nil {
		put(inside("ping").number("token", h.Ping.Token))
	}
	if h.Pong != nil {
		put(inside("pong").number("token", h.Pong.Token))
	}
	if g := h.Goodbye; g != nil {
		put(inside("goodbye").number("code", uint64(g.Code)).quoted("detail", g.Detail).number("last_frame", g.LastFrame))
	}
	for _, f := range h.Fragment {
		put(inside("fragment").number("flow", uint64(f.Flow)).number("seq", f.Seq).number("offset", f.Offset).
			number("total", f.Total).number("bytes", uint64(len(f.Data))).number("attempt", uint64(f.Attempt)).
			number("ttl_ms", uint64(f.TtlMs)).number("hops", uint64(f.Hops)).number("type", uint64(f.Type)).
			number("actor_epoch", f.ActorEpoch))
	}
	return describeRuns(p.Runs, out)
}

func describeRuns(runs []wire.Run, out []line) []line {
	for _, r := range runs {
		out = append(out, inside("run").number("flow", uint64(r.Flow)).number("first_seq", r.FirstSeq).
			number("attempt", uint64(r.Attempt)).number("hops", uint64(r.Hops)).number("queued", uint64(r.Queued)))
		for _, i := range r.All() {
			out = append(out, inside("  item").number("type", uint64(i.TypeID)).number("ttl_ms", uint64(i.TTLMs)).
				quoted("body", string(i.Body)))
		}
	}
	return out
}

func describeHello(h *pb.Hello) line {
	l := inside("hello").number("min_protocol", uint64(h.MinProtocol)).number("max_protocol", uint64(h.MaxProtocol)).
		quoted("node", h.Node).number("incarnation", h.Incarnation).number("link_epoch", h.LinkEpoch).
		number("lane", uint64(h.Lane)).number("lanes", uint64(h.Lanes))
	l = list(list(l, "capabilities", h.Capabilities), "required", h.Required)
	return limits(l, h.Limits).quoted("software", h.Software).quoted("types", describeTypes(h.Types))
}

func describeTypes(types []*pb.Reads) string {
	all := make([]string, len(types))
	for i, reads := range types {
		all[i] = fmt.Sprintf("%s:%d:%d", reads.Type, reads.MaxVersion, reads.MinReader)
	}
	return strings.Join(all, ",")
}

func limits(l line, of *pb.Limits) line {
	return l.number("max_frame_bytes", uint64(of.GetMaxFrameBytes())).number("inline_bytes", uint64(of.GetInlineBytes())).
		number("max_message_bytes", of.GetMaxMessageBytes()).number("max_flows", uint64(of.GetMaxFlows())).
		number("initial_credit", uint64(of.GetInitialCredit())).number("assembly_bytes", of.GetAssemblyBytes()).
		number("ping_ms", uint64(of.GetPingMs()))
}

func describeOutcome(l line, o *pb.Outcome) line {
	return l.number("seq", o.Seq).word("code", o.Code.String()).word("effect", o.Effect.String()).quoted("detail", o.Detail)
}

func describeMoved(l line, m *pb.Moved) line {
	if m == nil {
		return l
	}
	return list(l.quoted("owner", m.Owner).number("actor_epoch", m.ActorEpoch), "dial", m.Dial)
}

func describeStep(l line, m *pb.Move) line {
	l = l.quoted("actor", m.Actor).number("epoch", m.Epoch)
	switch step := m.Step.(type) {
	case *pb.Move_Offer:
		o := step.Offer
		meta, err := proto.MarshalOptions{Deterministic: true}.Marshal(o.Meta)
		if err != nil {
			panic(err)
		}
		return l.word("step", "offer").quoted("type", o.Type).number("state_version", uint64(o.StateVersion)).
			quoted("codec", o.Codec).number("total", o.Total).quoted("sha256", string(o.Sha256)).
			quoted("meta", string(meta))
	case *pb.Move_Chunk:
		return l.word("step", "chunk").number("offset", step.Chunk.Offset).quoted("data", string(step.Chunk.Data))
	case *pb.Move_Ready:
		return l.word("step", "ready").quoted("sha256", string(step.Ready.Sha256))
	case *pb.Move_Committed:
		return l.word("step", "committed").number("at", step.Committed.Epoch)
	case *pb.Move_Aborted:
		return l.word("step", "aborted").word("code", step.Aborted.Code.String()).quoted("detail", step.Aborted.Detail)
	case *pb.Move_Drained:
		return l.word("step", "drained").number("stream", step.Drained.Stream).number("binding", uint64(step.Drained.Binding))
	default:
		return l
	}
}
