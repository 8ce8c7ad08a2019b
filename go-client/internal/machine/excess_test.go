package machine

import (
	"math"
	"testing"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// When a frame was built and when it came, by two clocks that differ, and how much longer than the fastest one it took.
var excesses = []struct {
	sent uint32
	now  Millis
	want uint32
}{
	{5_000, 1_000_020, 0}, // the first one: nothing to compare it with
	{5_100, 1_000_120, 0},
	{5_200, 1_000_720, 500},
	{5_800, 1_000_815, 0}, // faster than all before
	{5_900, 1_000_920, 5},
	{35_000, 1_030_115, 100}, // the next window: the fastest of the one before counts still
	{66_000, 1_061_115, 0},   // and not any more
	{67_000, 1_062_015, 0},
	{67_100, 1_062_315, 200},
	{400_000, 1_400_000, 0}, // nothing came for long
}

func TestExcessIsTheTimeBeyondTheFastestFrames(t *testing.T) {
	var e excess
	for i, c := range excesses {
		if got := e.of(c.sent, c.now); got != c.want {
			t.Errorf("frame %d: excess %d, want %d", i, got, c.want)
		}
	}
}

func TestExcessGoesOnWhereTheSendersClockWrapsAround(t *testing.T) {
	var e excess
	e.of(math.MaxUint32-10, 1_000)
	if got := e.of(89, 1_150); got != 50 { // 100 ms later by its clock, 150 by ours
		t.Errorf("excess %d, want 50", got)
	}
}

func TestWhatLayOnTheWayIsChargedToEachDeadline(t *testing.T) {
	l := NewLink(Config{Role: Acceptor, Node: "b"}, 0)
	packet := func(sentMs uint32) *wire.Packet {
		return &wire.Packet{
			Head: &pb.Frame{SentMs: sentMs, Fragment: []*pb.Fragment{{TtlMs: 1_000}}},
			Runs: []wire.Run{{Items: []wire.Item{{TTLMs: 700}, {TTLMs: 200}, {}}}, {Packed: &wire.Packed{TTLMs: 900}}},
		}
	}
	l.Charge(packet(1_000), 5_000)
	late := packet(1_100)
	l.Charge(late, 5_400)
	items := late.Runs[0].Items
	if items[0].TTLMs != 400 || items[1].TTLMs != 1 || items[2].TTLMs != 0 {
		t.Errorf("a frame that lay 300 ms leaves %d of 700, %d of 200 and %d of none; want 400, 1 and 0",
			items[0].TTLMs, items[1].TTLMs, items[2].TTLMs)
	}
	if packed, part := late.Runs[1].Packed.TTLMs, late.Head.Fragment[0].TtlMs; packed != 600 || part != 700 {
		t.Errorf("what came packed has %d of 900 left, a part %d of 1,000; want 600 and 700", packed, part)
	}
	silent := packet(0)
	l.Charge(silent, 9_000)
	if got := silent.Runs[0].Items[0].TTLMs; got != 700 {
		t.Errorf("a frame that does not say when it was built has %d of 700 left", got)
	}
}
