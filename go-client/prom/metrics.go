package prom

import (
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	actorbridgev1 "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

// family is one metric of docs/METRICS.md, which Rust nodes have too: what a status says of it.
type family struct {
	name, help string
	kind       prometheus.ValueType
	labels     []string
	samples    func(status *actorbridgev1.NodeStatus, add func(value float64, labels ...string))
}

const (
	counter = prometheus.CounterValue
	gauge   = prometheus.GaugeValue
)

// families are all of them, in the order of docs/METRICS.md.
var families = []family{
	{
		"actorbridge_node_info", "1, with what the node is", gauge, []string{"language", "software"},
		func(s *actorbridgev1.NodeStatus, add func(float64, ...string)) { add(1, s.Language, s.Software) },
	},
	one("actorbridge_uptime_seconds", "Seconds since the node started", gauge, func(s *actorbridgev1.NodeStatus) float64 {
		return float64(s.UptimeMs) / 1_000
	}),
	one("actorbridge_actors", "Actors that run, /system not counted", gauge, func(s *actorbridgev1.NodeStatus) float64 {
		return float64(s.Actors)
	}),
	{
		"actorbridge_rust_heap_bytes", "Bytes that the program has allocated outside Go: by Rust, and by C where they share an allocator",
		gauge, nil, func(s *actorbridgev1.NodeStatus, add func(float64, ...string)) {
			if s.HeapBytes > 0 {
				add(float64(s.HeapBytes))
			}
		},
	},
	{
		"actorbridge_mailbox_messages",
		"Messages that wait in an actor's mailbox or are being handled; actor * is all that have no series of their own", gauge,
		[]string{"actor", "dispatcher"}, mailboxes,
	},
	one("actorbridge_links", "Links that are up", gauge, func(s *actorbridgev1.NodeStatus) float64 { return float64(s.LinksUp) }),
	bothWays("actorbridge_link_frames_total", "Frames that went by links; by shared memory runs, and only those that came",
		func(t *actorbridgev1.Traffic) (sent, received uint64) { return t.FramesSent, t.FramesReceived }),
	bothWays("actorbridge_link_bytes_total", "Bytes of frames that went by links; by shared memory only those that came",
		func(t *actorbridgev1.Traffic) (sent, received uint64) { return t.BytesSent, t.BytesReceived }),
	byPeer("actorbridge_link_credit_stalls_total", "How often a stream used up its credit, and a sender had to wait",
		(*actorbridgev1.Traffic).GetCreditStalls),
	byPeer("actorbridge_link_reconnects_total", "How often a link came up after another one with the same peer",
		(*actorbridgev1.Traffic).GetReconnects),
	{
		"actorbridge_refusals_total", "Connections, links, streams and messages that were refused", counter, []string{"reason"}, refusals,
	},
	one("actorbridge_asks_waiting", "Asks that wait for their answer", gauge, func(s *actorbridgev1.NodeStatus) float64 {
		return float64(s.AsksWaiting)
	}),
	byCode("actorbridge_asks_total", "Asks that have ended", "outcome", (*actorbridgev1.NodeStatus).GetAsks),
	byCode("actorbridge_dead_letters_total", "Messages that were refused, lost or not handled", "code",
		(*actorbridgev1.NodeStatus).GetDeadLetters),
	one("actorbridge_late_replies_total", "Answers that came after their asker had stopped waiting", counter,
		func(s *actorbridgev1.NodeStatus) float64 { return float64(s.LateReplies) }),
}

func one(name, help string, kind prometheus.ValueType, of func(*actorbridgev1.NodeStatus) float64) family {
	return family{name, help, kind, nil, func(s *actorbridgev1.NodeStatus, add func(float64, ...string)) { add(of(s)) }}
}

func bothWays(name, help string, of func(*actorbridgev1.Traffic) (sent, received uint64)) family {
	return family{name, help, counter, []string{"peer", "direction"}, func(s *actorbridgev1.NodeStatus, add func(float64, ...string)) {
		for _, t := range s.Traffic {
			sent, received := of(t)
			add(float64(sent), t.Peer, "sent")
			add(float64(received), t.Peer, "received")
		}
	}}
}

func byPeer(name, help string, of func(*actorbridgev1.Traffic) uint64) family {
	return family{name, help, counter, []string{"peer"}, func(s *actorbridgev1.NodeStatus, add func(float64, ...string)) {
		for _, t := range s.Traffic {
			if t.Peer != "" {
				add(float64(of(t)), t.Peer)
			}
		}
	}}
}

func byCode(name, help, label string, of func(*actorbridgev1.NodeStatus) []*actorbridgev1.CodeCount) family {
	return family{name, help, counter, []string{label}, func(s *actorbridgev1.NodeStatus, add func(float64, ...string)) {
		for _, c := range of(s) {
			add(float64(c.Count), labelOf(c.Code.String(), "CODE_"))
		}
	}}
}

func mailboxes(s *actorbridgev1.NodeStatus, add func(float64, ...string)) {
	for _, a := range s.Fullest {
		add(float64(a.Depth), a.Path, a.Dispatcher)
	}
	add(float64(s.OthersDepth), "*", "")
}

// refusals has a series for each reason from the start: an alert must see the first refusal as a rise.
func refusals(s *actorbridgev1.NodeStatus, add func(float64, ...string)) {
	counted := make(map[int32]uint64)
	for _, r := range s.Refusals {
		counted[int32(r.Reason)] = r.Count
	}
	for _, reason := range slices.Sorted(maps.Keys(actorbridgev1.RefusalReason_name)) {
		name := "other"
		if reason != 0 {
			name = labelOf(actorbridgev1.RefusalReason_name[reason], "REFUSAL_REASON_")
		}
		add(float64(counted[reason]), name)
	}
}

// labelOf is an enum's value as that of a label.
func labelOf(name, prefix string) string { return strings.ToLower(strings.TrimPrefix(name, prefix)) }
