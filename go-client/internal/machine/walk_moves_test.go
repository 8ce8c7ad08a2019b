package machine

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

// moveWalk is the world of a move: two sides, the frames between them, and the owner cell.
type moveWalk struct {
	source, destination *walk
	toSource, toDest    [][]byte
	linked              bool
	owner               string
	epoch               uint64
	// stayed and activated count where the actor has ended.
	stayed, activated int
}

// walkMoves makes moves one after the other, with faults at random. After each it calls check.
func walkMoves(seed uint64, moves int, check func(*moveWalk)) (source, destination []string) {
	w := &moveWalk{
		source:      newWalk(seed, "Moves with faults at random, as the sources see them."),
		destination: newWalk(seed, "Moves with faults at random, as the destinations see them."),
	}
	for range moves {
		w.one()
		if check != nil {
			check(w)
		}
	}
	return w.source.lines, w.destination.lines
}

func (w *moveWalk) one() {
	r := w.source.Rand
	w.toSource, w.toDest, w.linked, w.owner, w.epoch = nil, nil, true, "a", 3
	w.stayed, w.activated = 0, 0
	subject := `actor="ab:///x" epoch=4 source="a" destination="b"`
	size := 1 + r.IntN(60)
	offer := fmt.Sprintf(`type="walk.State" codec="protobuf" total=%d sha256=%s`, size, quote(strings.Repeat("s", 32)))
	w.source.do("source %s freeze_ms=3000 now=0", subject)
	w.destination.do("destination %s %s now=0", subject, offer)
	now := 0
	for range 30 {
		now += r.IntN(200)
		switch n := r.IntN(40); {
		case n == 0:
			w.cut(now)
		case n == 1 && r.IntN(3) == 0:
			w.left(w.source.do("refuse code=CODE_STOPPED detail=%s", quote("it stops")))
		case n < 8:
			w.left(w.source.do("cut %s snapshot=%s chunk=%d now=%d", offer, quote(strings.Repeat("z", size)),
				8+r.IntN(60), now))
		default:
			w.step(now)
		}
	}
	// Faults are over: the actor has to come to rest somewhere.
	for range 60 {
		if w.source.machine.(*MoveSource).IsOver() && w.destination.machine.(*MoveDestination).IsOver() {
			return
		}
		now += 600
		for range 4 {
			w.step(now)
		}
		w.left(w.source.do("tick now=%d", now))
		w.arrived(w.destination.do("tick now=%d", now))
	}
}

func (w *moveWalk) cut(now int) {
	if w.linked {
		w.linked, w.toSource, w.toDest = false, nil, nil
		w.left(w.source.do("link_down detail=%s", quote("cut")))
		w.arrived(w.destination.do("link_down now=%d", now))
	}
}

// step lets one of the things happen that always do in the end.
func (w *moveWalk) step(now int) {
	switch r := w.source.Rand; r.IntN(8) {
	case 0:
		w.left(w.source.do("tick now=%d", now))
	case 1:
		w.arrived(w.destination.do("tick now=%d", now))
	case 2:
		failed := ""
		if r.IntN(8) == 0 {
			failed = " code=CODE_UNDECODABLE detail=" + quote("no factory")
		}
		w.arrived(w.destination.do("loaded%s", failed))
	case 3, 4:
		if len(w.toSource) > 0 {
			step := w.toSource[0]
			w.toSource = w.toSource[1:]
			w.left(w.source.do("receive %s", quote(step)))
		}
	default:
		if len(w.toDest) > 0 {
			step := w.toDest[0]
			w.toDest = w.toDest[1:]
			w.arrived(w.destination.do("receive %s now=%d", quote(step), now))
		}
	}
}

// left does what the source's answers ask of its shell: steps travel, the owner cell is swapped.
func (w *moveWalk) left(answers []line) {
	for _, a := range answers {
		switch {
		case strings.HasPrefix(string(a), "< send") && w.linked:
			w.toDest = append(w.toDest, stepIn(string(a)))
		case strings.HasPrefix(string(a), "< stay"):
			w.stayed++
		case a == "< swap" && w.source.IntN(4) == 0:
			w.source.do("unanswered now=%d", w.source.IntN(2_000))
		case a == "< swap":
			if w.owner == "a" && w.epoch == 3 {
				w.owner, w.epoch = "b", 4
			}
			w.left(w.source.do("swapped owner=%s epoch=%d", quote(w.owner), w.epoch))
		case a == "< raise" && w.owner == "a":
			w.epoch = 5
		}
	}
}

// arrived does what the destination's answers ask of its shell.
func (w *moveWalk) arrived(answers []line) {
	for _, a := range answers {
		switch {
		case strings.HasPrefix(string(a), "< send") && w.linked:
			w.toSource = append(w.toSource, stepIn(string(a)))
		case a == "< activate":
			w.activated++
		case a == "< poll":
			w.arrived(w.destination.do("polled owner=%s epoch=%d", quote(w.owner), w.epoch))
		}
	}
}

// stepIn is the step that a line of a trace describes.
func stepIn(said string) []byte {
	e, err := parseEvent(strings.TrimPrefix(said, "< "))
	if err != nil {
		panic(err)
	}
	m := &pb.Move{Actor: e.args["actor"], Epoch: e.number("epoch")}
	switch e.args["step"] {
	case "offer":
		m.Step = &pb.Move_Offer{Offer: offerOf(e)}
	case "chunk":
		m.Step = &pb.Move_Chunk{Chunk: &pb.Chunk{Offset: e.number("offset"), Data: e.bytes("data")}}
	case "ready":
		m.Step = &pb.Move_Ready{Ready: &pb.Ready{Sha256: e.bytes("sha256")}}
	case "committed":
		m.Step = &pb.Move_Committed{Committed: &pb.Committed{Epoch: e.number("at")}}
	case "aborted":
		m.Step = &pb.Move_Aborted{Aborted: &pb.Aborted{Code: codeOf(e), Detail: e.args["detail"]}}
	}
	return encode(m)
}

func encode(m proto.Message) []byte {
	out, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		panic(err)
	}
	return out
}

func TestAMovedActorEndsAtOneNodeWhateverFails(t *testing.T) {
	moved, stayed := 0, 0
	for seed := range uint64(100) {
		walkMoves(1_000+seed, 10, func(w *moveWalk) {
			source, destination := w.source.machine.(*MoveSource), w.destination.machine.(*MoveDestination)
			at := 1 // the activations that the owner cell allows
			if w.owner == "a" {
				at = 0
			}
			if !source.IsOver() || !destination.IsOver() || w.activated != at || w.stayed != 1-at {
				t.Fatalf("seed %d: the source stayed %d times (over: %v), the destination activated %d (over: %v), "+
					"and %s owns it at epoch %d\n%s\n\n%s", seed, w.stayed, source.IsOver(), w.activated, destination.IsOver(),
					w.owner, w.epoch, lastPart(w.source.lines), lastPart(w.destination.lines))
			}
			moved, stayed = moved+w.activated, stayed+w.stayed
		})
	}
	if moved < 100 || stayed < 100 {
		t.Errorf("%d moves came through and %d failed: the walk shows too little", moved, stayed)
	}
}

func lastPart(lines []string) string { return strings.Join(lines[max(0, len(lines)-60):], "\n") }
