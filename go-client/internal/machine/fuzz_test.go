package machine

import (
	"encoding/binary"
	"strings"
	"testing"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// FuzzLinkReceive: no frames make a link panic or say what its own reader refuses, and once it is down it stays silent.
// The input is frames behind their lengths; their numbers are set right, so that more than the first one counts.
func FuzzLinkReceive(f *testing.F) {
	for name, trace := range recordedTraces(f) {
		if strings.HasPrefix(name, "link-") {
			for part := range strings.SplitSeq(trace, "\n> link ") {
				if frames := framesOf(f, part); len(frames) < 4<<10 {
					f.Add(frames)
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		l := NewLink(Config{Role: Acceptor, Node: "b", MinProtocol: 1, MaxProtocol: 1}, 0)
		number := uint64(0)
		for len(data) >= 4 {
			size := min(int(binary.LittleEndian.Uint32(data)&0xffff), len(data)-4)
			frame := data[4 : 4+size]
			data = data[4+size:]
			var actions []Action
			if p, err := wire.ReadPacket(frame, wire.MaxFrameBytes); err != nil {
				actions = l.BadFrame(err.Error(), nil)
			} else {
				number++
				p.Head.Number = number
				wasDown := l.Phase() == PhaseDown
				actions = l.Receive(p, nil)
				if wasDown && len(actions) > 0 {
					t.Fatalf("a link that is over does %+v", actions)
				}
			}
			answerAll(t, l, actions)
		}
	})
}

// framesOf is the frames that a part of a trace receives, each behind its length.
func framesOf(t testing.TB, part string) (frames []byte) {
	for text := range strings.SplitSeq(part, "\n") {
		if after, found := strings.CutPrefix(text, "> receive "); found {
			frame, _, ok := unquote(after)
			if !ok {
				t.Fatalf("%s is no frame", text)
			}
			frames = binary.LittleEndian.AppendUint32(frames, uint32(len(frame)))
			frames = append(frames, frame...)
		}
	}
	return frames
}

// answerAll does what a hasty node does with a link's actions, and reads what the link says then.
func answerAll(t *testing.T, l *Link, actions []Action) {
	for i := range actions {
		switch a := &actions[i]; a.Kind {
		case ActionOpened:
			if a.Seq%2 == 0 {
				l.Reset(a.Flow, pb.Code_CODE_STOPPED, nil)
			} else if _, refused := l.Open(a.Stream, a.Who.Bytes, 1, Binding{Number: 1}); refused == nil {
				l.Send(a.Flow, failureWhat, 1, 0, nil)
			}
		case ActionDeliver:
			l.State(a.Flow, a.Seq, a.Seq+4, false)
			l.Outcome(a.Flow, &pb.Outcome{Seq: a.Seq})
		case ActionSkipped:
			l.Outcome(a.Flow, &pb.Outcome{Seq: a.Seq})
		case ActionClosed:
			l.Close(a.Flow)
		}
	}
	for {
		p, _ := l.Poll(1, nil)
		if p == nil {
			return
		}
		if _, err := wire.ReadPacket(p.Append(nil), minFrame); err != nil {
			t.Fatalf("the link says what no peer has to read: %v", err)
		}
	}
}
