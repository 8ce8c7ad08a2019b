// Package doorcases is what the suite `door` sends through any door: a flight record, and batches of them, in each codec, and
// their bytes without one.
package doorcases

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/benchcodec/codecpb"

	"github.com/actorbridge/actorbridge/bench/go/meter"
)

// raw is the same bytes without a codec.
var raw = ab.NewRawType("bench.codec.v1.RawFlight")

// patience is how long an ask may take that counts.
const patience = time.Minute

var codecs = map[string]ab.Codec{"protobuf": ab.Protobuf, "json": ab.JSON, "msgpack": ab.MessagePack}

// flight is the first one of the demo's file, as the suite `codec` measures it: 87 bytes.
func flight() *codecpb.Flight {
	of := proto.Int64
	return &codecpb.Flight{
		Row: 1, Year: of(2013), Month: of(1), Day: of(1), DepTime: of(517), SchedDepTime: of(515), DepDelay: of(2), ArrTime: of(830),
		SchedArrTime: of(819), ArrDelay: of(11), Carrier: "UA", Flight: of(1545), Tailnum: "N14228", Origin: "EWR", Dest: "IAH",
		AirTime: of(227), Distance: of(1400), Hour: of(5), Minute: of(15), TimeHour: "2013-01-01T10:00:00Z",
	}
}

// batch is that flight so many times, each with 2 bytes more.
func batch(flights int) *codecpb.Flights {
	batch := &codecpb.Flights{}
	for range flights {
		batch.Flights = append(batch.Flights, flight())
	}
	return batch
}

// Of are the cases door_MODE_DOOR_MESSAGE_CODEC, and with raw_CODEC for CODEC the same bytes without it, between a node and an actor that
// counts: tell and ask of a flight, and of batches of about 1 KiB and 16 KiB; and of the flight also batch (64 tells of bytes at a
// time), ask64 (64 asks at once) and paced (asks at a fixed rate, whatever becomes of them).
func Of(ctx context.Context, node *ab.Node, door, actor string) ([]meter.Case, error) {
	f := &flights{node: node, at: node.RefAt(actor)}
	if _, err := f.taken(ctx); err != nil { // it is there
		return nil, err
	}
	cases, err := casesOf(f, door+"_flight", flight(), true)
	for name, flights := range map[string]int{"1k": 12, "16k": 184} {
		var more []meter.Case
		if err == nil {
			more, err = casesOf(f, door+"_"+name, batch(flights), false)
		}
		cases = append(cases, more...)
	}
	return cases, err
}

// InMemory are the same without a door: the actor is in Go, and of the node itself.
func InMemory(ctx context.Context, node *ab.Node) ([]meter.Case, error) {
	if _, err := node.Spawn("flights-in-go", func() ab.Receiver { return new(counted) }); err != nil {
		return nil, err
	}
	return Of(ctx, node, "memory", "ab:///flights-in-go")
}

type flights struct {
	node *ab.Node
	at   ab.Ref
}

// way is how one message is told, and asked: what comes back is known by that number.
type way struct {
	tell func(context.Context) error
	ask  func(context.Context) (int, error)
	want int
}

func casesOf[M proto.Message](f *flights, name string, message M, allModes bool) ([]meter.Case, error) {
	var cases []meter.Case
	for codec, by := range codecs {
		to := f.at.Using(by)
		encoded, err := by.Marshal(message)
		if err != nil {
			return nil, err
		}
		cases = append(cases, f.cases(name+"_raw_"+codec, f.rawly(encoded), allModes)...)
		if allModes {
			cases = append(cases, f.batches(name+"_raw_"+codec, encoded))
		}
		cases = append(cases, f.cases(name+"_"+codec, way{
			tell: func(ctx context.Context) error { return f.node.Tell(ctx, to, message) },
			ask: func(ctx context.Context) (int, error) {
				back, err := ab.Ask[M](ctx, to, message)
				if err != nil {
					return 0, err
				}
				return fields(back), nil
			},
			want: fields(message),
		}, allModes)...)
	}
	return cases, nil
}

func (f *flights) cases(name string, w way, allModes bool) []meter.Case {
	cases := []meter.Case{f.tell(name, w), ask(name, w)}
	if allModes {
		cases = append(cases, askAtOnce(name, w), paced(name, w))
	}
	return cases
}

// rawly sends bytes as they are.
func (f *flights) rawly(payload []byte) way {
	return way{
		tell: func(ctx context.Context) error { return f.node.TellRaw(ctx, f.at, raw, payload) },
		ask: func(ctx context.Context) (int, error) {
			back, err := f.node.AskRaw(ctx, f.at, raw, payload)
			return len(back), err
		},
		want: len(payload),
	}
}

// fields is by what a message that came back is known, at next to no cost: its row, or how many flights it has.
func fields(message proto.Message) int {
	switch m := message.(type) {
	case *codecpb.Flight:
		return int(m.Row)
	case *codecpb.Flights:
		return len(m.Flights)
	}
	return 0
}

// once asks, and looks at what comes back.
func (w way) once(ctx context.Context) error {
	back, err := w.ask(ctx)
	if err == nil && back != w.want {
		err = fmt.Errorf("what came back has %d, not %d", back, w.want)
	}
	return err
}

// ask asks one after the other, and has how long each took.
func ask(name string, w way) meter.Case {
	times := new(meter.Times)
	return meter.Case{Name: "door_ask_" + name, Times: times, Run: func(ctx context.Context, n int) error {
		for range n {
			start := time.Now()
			if err := w.once(ctx); err != nil {
				return err
			}
			times.Add(time.Since(start))
		}
		return nil
	}}
}

// atOnce is how many goroutines ask.
const atOnce = 64

func askAtOnce(name string, w way) meter.Case {
	return meter.Of("door_ask64_"+name, func(ctx context.Context, n int) error {
		return meter.AtOnce(atOnce, n, func(n int) error {
			for range n {
				if err := w.once(ctx); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// paced asks at a fixed rate, each ask on a goroutine of its own, and has how long each took from when it was meant to leave.
func paced(name string, w way) meter.Case {
	times := new(meter.Times)
	return meter.Case{Name: "door_paced_" + name, Times: times, Run: func(ctx context.Context, n int) error {
		failed := make(chan error, n)
		err := meter.Paced(ctx, n, func(meant time.Time) error {
			go func() {
				err := w.once(ctx)
				times.Add(time.Since(meant))
				failed <- err
			}()
			return nil
		})
		for range n {
			err = cmp.Or(err, <-failed)
		}
		return err
	}}
}

// tell sends n one by one, and returns when all have been handled.
func (f *flights) tell(name string, w way) meter.Case {
	return meter.Of("door_tell_"+name, func(ctx context.Context, n int) error {
		return meter.Counted(ctx, n, f.taken, func() error {
			for range n {
				if err := w.tell(ctx); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// batches tells bytes, so many at a time as many ask at once.
func (f *flights) batches(name string, payload []byte) meter.Case {
	payloads := slices.Repeat([][]byte{payload}, atOnce)
	return meter.Of("door_batch_"+name, func(ctx context.Context, n int) error {
		return meter.Counted(ctx, n, f.taken, func() error {
			for left := n; left > 0; left -= atOnce {
				if _, err := f.node.TellRawAll(ctx, f.at, raw, payloads[:min(left, atOnce)]); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// taken is how many the actor has counted since it was asked last.
func (f *flights) taken(ctx context.Context) (uint64, error) {
	counted, err := ab.Ask[*codecpb.Flight](ctx, f.at, &codecpb.Flights{}, ab.Timeout(patience))
	return counted.GetRow(), err
}
