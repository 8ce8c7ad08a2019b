// Package doorcases is what the suite `door` sends through any door: a flight record, and batches of them, in each codec, and
// their bytes without one.
package doorcases

import (
	"context"
	"fmt"
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

// Of are the cases door_tell_DOOR_MESSAGE_CODEC and door_ask_DOOR_MESSAGE_CODEC, and with raw_CODEC for CODEC the same bytes without it, between a node and an actor in Rust that
// counts. The messages are a flight, and batches of about 1 KiB and 16 KiB.
func Of(ctx context.Context, node *ab.Node, door, actor string) ([]meter.Case, error) {
	f := &flights{node: node, at: node.RefAt(actor)}
	if _, err := f.taken(ctx); err != nil { // it is there
		return nil, err
	}
	cases, err := casesOf(f, door+"_flight", flight())
	for name, flights := range map[string]int{"1k": 12, "16k": 184} {
		var more []meter.Case
		if err == nil {
			more, err = casesOf(f, door+"_"+name, batch(flights))
		}
		cases = append(cases, more...)
	}
	return cases, err
}

type flights struct {
	node *ab.Node
	at   ab.Ref
}

func casesOf[M proto.Message](f *flights, name string, message M) ([]meter.Case, error) {
	var cases []meter.Case
	for codec, by := range codecs {
		to := f.at.Using(by)
		encoded, err := by.Marshal(message)
		if err != nil {
			return nil, err
		}
		cases = append(cases, f.rawly(name+"_raw_"+codec, encoded)...)
		cases = append(cases,
			f.tell(name+"_"+codec, func(ctx context.Context) error { return f.node.Tell(ctx, to, message) }),
			ask(name+"_"+codec, fields(message), func(ctx context.Context) (int, error) {
				back, err := ab.Ask[M](ctx, to, message)
				if err != nil {
					return 0, err
				}
				return fields(back), nil
			}))
	}
	return cases, nil
}

// rawly sends bytes as they are.
func (f *flights) rawly(name string, payload []byte) []meter.Case {
	return []meter.Case{
		f.tell(name, func(ctx context.Context) error { return f.node.TellRaw(ctx, f.at, raw, payload) }),
		ask(name, len(payload), func(ctx context.Context) (int, error) {
			back, err := f.node.AskRaw(ctx, f.at, raw, payload)
			return len(back), err
		}),
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

// ask asks one after the other, and has how long each took.
func ask(name string, want int, one func(context.Context) (int, error)) meter.Case {
	times := new(meter.Times)
	return meter.Case{Name: "door_ask_" + name, Times: times, Run: func(ctx context.Context, n int) error {
		for range n {
			start := time.Now()
			back, err := one(ctx)
			if err != nil {
				return err
			}
			if back != want {
				return fmt.Errorf("%s: what came back has %d, not %d", name, back, want)
			}
			times.Add(time.Since(start))
		}
		return nil
	}}
}

// tell sends n one by one, and returns when all have been handled.
func (f *flights) tell(name string, one func(context.Context) error) meter.Case {
	return meter.Of("door_tell_"+name, func(ctx context.Context, n int) error {
		return meter.Counted(ctx, n, f.taken, func() error {
			for range n {
				if err := one(ctx); err != nil {
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
