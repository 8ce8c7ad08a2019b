package machine

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// linkOf is a link at its beginning, as the event says.
func linkOf(e event) *Link {
	role := Acceptor
	if e.args["role"] == "dialer" {
		role = Dialer
	}
	return NewLink(Config{
		Role: role, Node: e.args["node"], Incarnation: e.numberOr("incarnation", 1), LinkEpoch: e.numberOr("link_epoch", 1),
		MinProtocol: uint32(e.numberOr("min_protocol", MinProtocol)), MaxProtocol: uint32(e.numberOr("max_protocol", MaxProtocol)),
		Capabilities: e.list("capabilities"), Required: e.list("required"), Software: e.args["software"],
		Limits: &pb.Limits{
			MaxFrameBytes: e.small("max_frame_bytes"), InlineBytes: e.small("inline_bytes"),
			MaxMessageBytes: e.number("max_message_bytes"), MaxFlows: e.small("max_flows"),
			InitialCredit: e.small("initial_credit"), AssemblyBytes: e.number("assembly_bytes"), PingMs: e.small("ping_ms"),
		},
		Types: readsOf(e.args["types"]),
	}, e.number("now"))
}

// readsOf reads `name:max_version:min_reader`, with commas.
func readsOf(text string) (types []*pb.Reads) {
	for one := range strings.SplitSeq(text, ",") {
		if parts := strings.Split(one, ":"); len(parts) == 3 {
			var versions [2]uint32
			for i, part := range parts[1:] {
				n, err := strconv.ParseUint(part, 10, 32)
				if err != nil {
					panic(one + " is not name:max_version:min_reader")
				}
				versions[i] = uint32(n)
			}
			types = append(types, &pb.Reads{Type: parts[0], MaxVersion: versions[0], MinReader: versions[1]})
		}
	}
	return types
}

// playLink says what the machine answers, a line for each thing.
func playLink(l *Link, e event) (lines []line) {
	var actions []Action
	switch e.verb {
	case "poll":
		var p *wire.Packet
		if p, actions = l.Poll(e.number("now"), nil); p == nil {
			lines = append(lines, "< nothing")
		} else {
			lines = describe(p, append(lines, "< packet "+line(quote(p.Append(nil)))))
		}
	case "receive":
		p, err := wire.ReadPacket(e.bytes(""), int(l.Limits().MaxFrameBytes))
		if err != nil {
			refused := err.(*wire.Refusal)
			lines = append(lines, "< unreadable "+refusedAs(refused))
			actions = l.BadFrame(refused.Detail, nil)
		} else {
			lines = describe(p, lines)
			actions = l.Receive(p, nil)
		}
	case "tick":
		actions = l.Tick(e.number("now"), nil)
	case "drain":
		l.Drain()
	case "probe":
		l.Probe(e.number("now"))
	case "has_answered":
		lines = append(lines, line(fmt.Sprintf("< %t", l.HasAnswered(e.number("since")))))
	case "supersede":
		actions = l.Supersede(nil)
	case "lost":
		actions = l.Lost(e.args[""], nil)
	case "bad_frame":
		actions = l.BadFrame(e.args[""], nil)
	case "send_all":
		lines = append(lines, playSendAll(l, e))
	case "open", "send", "send_off_stream", "forward", "fail", "move":
		lines = append(lines, playSend(l, e))
	default:
		lines = playTell(l, e)
	}
	for i := range actions {
		lines = append(lines, describeAction(&actions[i]))
	}
	return lines
}

func playSendAll(l *Link, e event) line {
	var payloads [][]byte
	for _, size := range strings.Fields(e.args["sizes"]) {
		n, err := strconv.Atoi(size)
		if err != nil {
			panic(err)
		}
		payloads = append(payloads, bytes.Repeat([]byte("x"), n))
	}
	last, count := l.SendAll(e.small("flow"), whatOf(e), payloads)
	return says("queued_all").number("count", uint64(count)).number("seq", last)
}

func whatOf(e event) *wire.What {
	return wire.NewWhat(pb.Kind(e.small("kind")), e.args["type"], uint32(e.numberOr("version", 1)),
		uint32(e.numberOr("min_reader", 1)), pb.ContentType_CONTENT_TYPE_PROTOBUF)
}

func playSend(l *Link, e event) line {
	what := whatOf(e)
	var sent Sent
	switch e.verb {
	case "open":
		who := wire.NewWho(e.args["source"], e.args["target"], e.args["reply_to"])
		flow, refused := l.OpenBeyond(e.number("stream"), who.Bytes, e.number("first_seq"),
			Binding{e.small("binding"), e.small("after")}, e.args["destination"])
		if refused != nil {
			return "< refused " + refusedAs(refused)
		}
		return line(fmt.Sprint("< flow ", flow))
	case "move":
		step := new(pb.Move)
		if err := proto.Unmarshal(e.bytes(""), step); err != nil {
			panic(err)
		}
		if refused := l.SendMove(step); refused != nil {
			return "< refused " + refusedAs(refused)
		}
		return "< queued"
	case "send":
		sent = l.Send(e.small("flow"), what, e.number("deadline"), e.small("hops"), e.bytes("body"))
	case "send_off_stream":
		sent = l.SendOffStream(what, e.bytes("body"))
	case "forward":
		sent = l.Forward(what, e.number("deadline"), e.small("hops"), e.number("epoch"), e.bytes("body"))
	default:
		sent = l.Fail(e.number("correlation"), codeOf(e), effectOf(e), e.args["detail"])
	}
	switch sent.Result {
	case SendQueued:
		return says("queued").number("seq", sent.Seq)
	case SendNoCredit:
		return "< no_credit"
	case SendNoRoom:
		return "< no_room"
	default:
		return "< refused " + refusedAs(sent.Refusal)
	}
}

func codeOf(e event) pb.Code { return pb.Code(named(pb.Code_value, e.args["code"])) }

func effectOf(e event) pb.Effect { return pb.Effect(named(pb.Effect_value, e.args["effect"])) }

func named(values map[string]int32, name string) int32 {
	value, known := values[name]
	if !known {
		panic(fmt.Sprintf("%q is no name of the table", name))
	}
	return value
}

// playTell plays events whose effect is seen later, and questions.
func playTell(l *Link, e event) (lines []line) {
	flow, seq := e.small("flow"), e.number("seq")
	switch e.verb {
	case "close":
		l.Close(flow)
	case "cancel":
		for _, a := range l.Cancel(flow, seq, nil) {
			lines = append(lines, describeAction(&a))
		}
	case "state":
		l.State(flow, e.number("processed"), e.number("credit"), e.number("may_wait") == 1)
	case "press_states":
		l.PressStates()
	case "outcome":
		l.Outcome(flow, &pb.Outcome{Seq: seq, Code: codeOf(e), Effect: effectOf(e), Detail: e.args["detail"]})
	case "reset":
		var moved *pb.Moved
		if e.args["owner"] != "" {
			moved = &pb.Moved{Owner: e.args["owner"], ActorEpoch: e.number("actor_epoch")}
		}
		l.Reset(flow, codeOf(e), moved)
	case "never_left":
		last := LastFrame{e.number("last_frame"), e.args["last_frame"] != ""}
		lines = append(lines, line(fmt.Sprint("< ", l.NeverLeft(flow, seq, last))))
	case "stream_of":
		if stream := l.StreamOf(flow); stream != 0 {
			return []line{line(fmt.Sprint("< ", stream))}
		}
		return []line{"< nothing"}
	case "unknown":
		for _, r := range l.Unknown() {
			lines = append(lines, says("unknown").number("stream", r.Stream).number("first", r.First).number("last", r.Last))
		}
	default:
		panic(e.verb + " is no event of a link")
	}
	return lines
}

func refusedAs(r *wire.Refusal) line { return line(r.Code.String() + " " + quote(r.Detail)) }

func describeAction(a *Action) line {
	flow := func(word string) line { return says(word).number("flow", uint64(a.Flow)) }
	switch a.Kind {
	case ActionUp:
		l := says("up").quoted("peer", a.Up.Peer).number("incarnation", a.Up.Incarnation).
			number("protocol", uint64(a.Up.Protocol))
		return list(l, "capabilities", a.Up.Capabilities).quoted("types", describeTypes(a.Up.Types))
	case ActionOpened:
		return flow("opened").number("stream", a.Stream).number("first_seq", a.Seq).number("binding", uint64(a.Binding.Number)).
			number("after", uint64(a.Binding.After)).quoted("source", a.Who.Source).quoted("target", a.Who.Target).quoted("reply_to", a.Who.ReplyTo).
			quoted("destination", a.Relayed.Destination).quoted("origin", a.Relayed.Origin).number("hops", uint64(a.Relayed.Hops))
	case ActionDeliver:
		return flow("deliver").number("seq", a.Seq).number("type", uint64(a.TypeID)).number("ttl_ms", uint64(a.TTLMs)).
			number("attempt", uint64(a.Attempt)).number("hops", uint64(a.Hops)).number("kind", uint64(a.Delivery.Kind)).
			number("correlation", a.Correlation).quoted("body", string(a.Body))
	case ActionClosed:
		return flow("closed").number("stream", a.Stream).number("last_seq", a.Seq)
	case ActionSkipped:
		return flow("skipped").number("seq", a.Seq)
	case ActionCredit:
		return flow("credit")
	case ActionRefused:
		return describeOutcome(flow("refused"), a.Outcome)
	case ActionWayLost:
		return flow("way_lost").number("stream", a.Stream).number("first", a.First).number("last_seq", a.Seq)
	case ActionRebind:
		return describeMoved(flow("rebind").number("last_seq", a.Seq).word("code", a.Code.String()), a.Moved)
	case ActionBadItem:
		return flow("bad_item").number("seq", a.Seq).word("code", a.Refusal.Code.String()).
			quoted("detail", a.Refusal.Detail).quoted("body", string(a.Body)).number("asked", a.Correlation)
	case ActionMoved:
		return describeStep(says("moved"), a.Move)
	case ActionRoom:
		return says("room")
	case ActionDown:
		l := says("down").word("status", a.Down.Status.String()).quoted("detail", a.Down.Detail)
		if a.Down.LastFrame.Known {
			l = l.word("last_frame", fmt.Sprint(a.Down.LastFrame.Number))
		}
		return l
	default:
		panic(fmt.Sprintf("action %d has no line", a.Kind))
	}
}
