// Package doorcases is what the suite `door` sends through any door: a flight record in each codec, and its bytes without one.
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

// flight is the first one of the demo's file, as the suite `codec` measures it.
func flight() *codecpb.Flight {
	of := proto.Int64
	return &codecpb.Flight{
		Row: 1, Year: of(2013), Month: of(1), Day: of(1), DepTime: of(517), SchedDepTime: of(515), DepDelay: of(2), ArrTime: of(830),
		SchedArrTime: of(819), ArrDelay: of(11), Carrier: "UA", Flight: of(1545), Tailnum: "N14228", Origin: "EWR", Dest: "IAH",
		AirTime: of(227), Distance: of(1400), Hour: of(5), Minute: of(15), TimeHour: "2013-01-01T10:00:00Z",
	}
}

// Of are the cases door_tell_CODEC and door_ask_CODEC between a node and the actor ab:///flights, which is Rust's.
func Of(ctx context.Context, node *ab.Node) ([]meter.Case, error) {
	f := &flights{node: node, at: node.RefAt("ab:///flights"), flight: flight()}
	var err error
	if f.encoded, err = proto.Marshal(f.flight); err != nil {
		return nil, err
	}
	if _, err := f.taken(ctx); err != nil { // it is there
		return nil, err
	}
	cases := []meter.Case{
		meter.Of("door_tell_raw", func(ctx context.Context, n int) error {
			return f.tell(ctx, n, func() error { return node.TellRaw(ctx, f.at, raw, f.encoded) })
		}),
		meter.Of("door_ask_raw", func(ctx context.Context, n int) error {
			for range n {
				if _, err := node.AskRaw(ctx, f.at, raw, f.encoded); err != nil {
					return err
				}
			}
			return nil
		}),
	}
	for name, codec := range map[string]ab.Codec{"protobuf": ab.Protobuf, "json": ab.JSON, "msgpack": ab.MessagePack} {
		cases = append(cases, f.typed(name, f.at.Using(codec))...)
	}
	return cases, nil
}

type flights struct {
	node    *ab.Node
	at      ab.Ref
	flight  *codecpb.Flight
	encoded []byte
}

func (f *flights) typed(name string, to ab.Ref) []meter.Case {
	return []meter.Case{
		meter.Of("door_tell_"+name, func(ctx context.Context, n int) error {
			return f.tell(ctx, n, func() error { return f.node.Tell(ctx, to, f.flight) })
		}),
		meter.Of("door_ask_"+name, func(ctx context.Context, n int) error {
			for range n {
				back, err := ab.Ask[*codecpb.Flight](ctx, to, f.flight)
				if err != nil {
					return err
				}
				if back.Row != f.flight.Row {
					return fmt.Errorf("row %d came back as row %d", f.flight.Row, back.Row)
				}
			}
			return nil
		}),
	}
}

// tell sends n one by one, and returns when all have been handled.
func (f *flights) tell(ctx context.Context, n int, one func() error) error {
	return meter.Counted(ctx, n, f.taken, func() error {
		for range n {
			if err := one(); err != nil {
				return err
			}
		}
		return nil
	})
}

// taken is how many the actor has counted since it was asked last.
func (f *flights) taken(ctx context.Context) (uint64, error) {
	counted, err := ab.Ask[*codecpb.Flight](ctx, f.at, &codecpb.Flights{}, ab.Timeout(patience))
	return counted.GetRow(), err
}
