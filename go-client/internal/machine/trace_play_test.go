package machine

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// player plays a trace: its events to a machine, its answers from it.
type player struct {
	machine any
	// lines is the trace so far: comments and events as they were given, answers as the machines gave them.
	lines []string
}

// line takes over a comment, or plays an event.
func (p *player) line(text string) []line {
	p.lines = append(p.lines, text)
	after, isEvent := strings.CutPrefix(text, "> ")
	if !isEvent {
		return nil
	}
	e, err := parseEvent(after)
	if err != nil {
		panic(fmt.Sprintf("line %d: %v", len(p.lines), err))
	}
	answers := p.play(e)
	for _, answer := range answers {
		p.lines = append(p.lines, string(answer))
	}
	return answers
}

func (p *player) play(e event) []line {
	switch e.verb {
	case "link":
		p.machine = linkOf(e)
	case "asks":
		p.machine = new(Asks[string])
	case "pool":
		p.machine = NewPool(e.small("capacity"))
	case "supervisor":
		p.machine = OneForOne(e.small("max_restarts"), e.number("window"))
	case "source":
		p.machine = NewMoveSource(subjectOf(e), e.number("freeze_ms"), e.number("now"))
	case "destination":
		side, refused := NewMoveDestination(subjectOf(e), offerOf(e), e.number("now"))
		if refused != nil {
			return []line{describeRefusal(says("refused"), refused)}
		}
		p.machine = side
	default:
		switch machine := p.machine.(type) {
		case *Link:
			return playLink(machine, e)
		case *Asks[string]:
			return orNothing(playAsks(machine, e))
		case *Pool:
			return playPool(machine, e)
		case *Supervisor:
			return playSupervisor(machine, e)
		case *MoveSource:
			return playSource(machine, e)
		case *MoveDestination:
			return playDestination(machine, e)
		default:
			panic("the trace's first event makes no machine")
		}
	}
	return nil
}

func orNothing(lines []line) []line {
	if len(lines) == 0 {
		return []line{"< nothing"}
	}
	return lines
}

func playAsks(a *Asks[string], e event) (lines []line) {
	correlation, waiter := e.number("correlation"), e.args["waiter"]
	var ended []Ended[string]
	switch e.verb {
	case "begin":
		begun, ok := a.Begin(e.number("deadline"), waiter)
		if !ok {
			return []line{"< full"}
		}
		return []line{says("begun").number("correlation", begun)}
	case "end":
		if waiter, ok := a.End(correlation); ok {
			ended = append(ended, Ended[string]{correlation, waiter})
		}
	case "get":
		if waiter := a.Get(correlation); waiter != nil {
			lines = append(lines, says("waits").quoted("waiter", *waiter))
		}
	case "expire":
		ended = a.Expire(e.number("now"), nil)
	case "end_where":
		ended = a.EndWhere(func(w *string) bool { return *w == waiter }, nil)
	case "waiting":
		return []line{line(fmt.Sprint("< ", a.Waiting()))}
	default:
		panic(e.verb + " is no event of asks")
	}
	for _, ask := range ended {
		lines = append(lines, says("ended").number("correlation", ask.Correlation).quoted("waiter", ask.Waiter))
	}
	return lines
}

func playPool(p *Pool, e event) (lines []line) {
	key, seq := StreamKey{Link: e.number("link"), Flow: e.small("flow")}, e.number("seq")
	stream := func(word string, key StreamKey) line {
		return says(word).number("link", key.Link).number("flow", uint64(key.Flow))
	}
	switch e.verb {
	case "take_local":
		if p.TakeLocal() {
			return []line{"< taken"}
		}
		return []line{"< full"}
	case "force_local":
		p.ForceLocal()
	case "release_local":
		p.ReleaseLocal()
	case "open":
		p.Open(key, e.number("first_seq"), e.number("initial_credit"))
	case "close":
		p.Close(key)
	case "arrive":
		words := map[Arrival]line{Accepted: "< accepted", Full: "< full", NotBound: "< not bound"}
		return []line{words[p.Arrive(key, seq)]}
	case "refused":
		p.Refused(key, seq)
	case "release":
		p.Release(key, seq)
	case "freeze":
		p.SetFrozen(true)
	case "thaw":
		p.SetFrozen(false)
	case "used":
		return []line{line(fmt.Sprintf("< %d", p.Used()))}
	case "grants":
		for _, g := range p.Grants(e.number("drained") == 1, nil) {
			lines = append(lines, stream("grant", g.Key).number("processed", g.Processed).number("credit", g.Credit).
				number("may_wait", map[bool]uint64{true: 1}[g.MayWait]))
		}
		return orNothing(lines)
	case "streams":
		for _, s := range p.Streams() {
			lines = append(lines, stream("stream", s.Key).number("last_seq", s.LastSeq))
		}
		return orNothing(lines)
	default:
		panic(e.verb + " is no event of a pool")
	}
	return nil
}

func playSupervisor(s *Supervisor, e event) []line {
	if e.verb != "panicked" {
		panic(e.verb + " is no event of a supervisor")
	}
	word := "restart"
	if s.Panicked(e.number("now")) == Stop {
		word = "stop"
	}
	return []line{says(word).number("restarts", uint64(s.Restarts()))}
}

func subjectOf(e event) MoveSubject {
	return MoveSubject{
		Actor: e.args["actor"], Epoch: e.number("epoch"), Source: e.args["source"], Destination: e.args["destination"],
	}
}

func offerOf(e event) *pb.Offer {
	return &pb.Offer{
		Type: e.args["type"], StateVersion: 1, Codec: e.args["codec"], Total: e.number("total"), Sha256: e.bytes("sha256"),
	}
}

func whyOf(e event) *wire.Refusal { return &wire.Refusal{Code: codeOf(e), Detail: e.args["detail"]} }

func stepOf(e event) *pb.Move {
	step := new(pb.Move)
	if err := proto.Unmarshal(e.bytes(""), step); err != nil {
		panic(err)
	}
	return step
}

func playSource(s *MoveSource, e event) []line {
	var out []MoveAction
	switch e.verb {
	case "cut":
		out = s.Cut(offerOf(e), e.bytes("snapshot"), int(e.number("chunk")), e.number("now"), nil)
	case "refuse":
		out = s.Refuse(whyOf(e), nil)
	case "receive":
		out = s.Receive(stepOf(e), nil)
	case "swapped":
		out = s.Swapped(e.args["owner"], e.number("epoch"), nil)
	case "unanswered":
		s.Unanswered(e.number("now"))
	case "link_down":
		out = s.LinkDown(e.args["detail"], nil)
	case "tick":
		out = s.Tick(e.number("now"), nil)
	case "is_swapping":
		return []line{line(fmt.Sprint("< ", s.IsSwapping()))}
	default:
		panic(e.verb + " is no event of a move's source")
	}
	return describeMoves(out)
}

func playDestination(d *MoveDestination, e event) []line {
	var out []MoveAction
	switch e.verb {
	case "receive":
		out = d.Receive(stepOf(e), e.number("now"), nil)
	case "loaded":
		var refused *wire.Refusal
		if e.args["code"] != "" {
			refused = whyOf(e)
		}
		out = d.Loaded(refused, nil)
	case "link_down":
		out = d.LinkDown(e.number("now"), nil)
	case "polled":
		out = d.Polled(e.args["owner"], e.number("epoch"), nil)
	case "tick":
		out = d.Tick(e.number("now"), nil)
	case "is_over":
		return []line{line(fmt.Sprint("< ", d.IsOver()))}
	default:
		panic(e.verb + " is no event of a move's destination")
	}
	return describeMoves(out)
}

func describeRefusal(l line, r *wire.Refusal) line {
	return l.word("code", r.Code.String()).quoted("detail", r.Detail)
}

func describeMoves(actions []MoveAction) (lines []line) {
	for _, a := range actions {
		var l line
		switch a.Kind {
		case MoveSend:
			l = describeStep(says("send"), a.Step)
		case MoveSwap:
			l = says("swap")
		case MoveStay:
			l = says("stay")
			if a.EpochKnown {
				l = l.word("epoch", fmt.Sprint(a.Epoch))
			}
			l = describeRefusal(l, a.Refusal)
		case MoveRaise:
			l = says("raise")
		case MoveLeave:
			l = says("leave").quoted("owner", a.Owner).number("epoch", a.Epoch)
		case MoveLoad:
			l = says("load").quoted("snapshot", string(a.Snapshot))
		case MoveActivate:
			l = says("activate")
		case MoveDrop:
			l = says("drop").quoted("detail", a.Detail)
		case MovePoll:
			l = says("poll")
		}
		lines = append(lines, l)
	}
	return lines
}
