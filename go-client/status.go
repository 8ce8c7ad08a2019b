package actorbridge

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"google.golang.org/protobuf/proto"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

const (
	// maxPeers is the most peers whose traffic is told apart; otherPeers is the peer of what goes by links with the others.
	maxPeers   = 128
	otherPeers = "*"
	// maxTold is the most actors in a status; told is how many there are where nothing is said.
	maxTold = 200
	told    = 100
	// maxToldLinks and maxToldAsks are the most links and asks in it.
	maxToldLinks = 64
	maxToldAsks  = 64
	// Most bytes of its lists: all of it is one message.
	actorBytes   = 28 << 10
	linkBytes    = 8 << 10
	trafficBytes = 12 << 10
	askBytes     = 8 << 10
)

// meter is what goes by the links with one peer.
type meter struct {
	framesSent, bytesSent, framesReceived, bytesReceived, creditStalls, ups atomic.Uint64
}

func (m *meter) sent(bytes int) {
	m.framesSent.Add(1)
	m.bytesSent.Add(uint64(bytes))
}

func (m *meter) received(bytes int) {
	m.framesReceived.Add(1)
	m.bytesReceived.Add(uint64(bytes))
}

func (m *meter) traffic(peer string) *pb.Traffic {
	t := &pb.Traffic{
		Peer: peer, FramesSent: m.framesSent.Load(), BytesSent: m.bytesSent.Load(), FramesReceived: m.framesReceived.Load(),
		BytesReceived: m.bytesReceived.Load(), CreditStalls: m.creditStalls.Load(),
	}
	if ups := m.ups.Load(); ups > 1 && peer != "" && peer != otherPeers {
		t.Reconnects = ups - 1
	}
	return t
}

// counters are what is counted of a node. Nothing of it is on the way of a message: what goes well is counted by its tables.
type counters struct {
	mu       sync.Mutex
	refusals map[pb.RefusalReason]uint64
	// failedAsks are those that ended without a reply.
	failedAsks map[Code]uint64
	// meters are by peer; the empty name has what goes before a handshake is over.
	meters map[string]*meter
}

// refused counts a refusal.
func (c *counters) refused(reason pb.RefusalReason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refusals == nil {
		c.refusals = make(map[pb.RefusalReason]uint64)
	}
	c.refusals[reason]++
}

func (c *counters) askFailed(code Code) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failedAsks == nil {
		c.failedAsks = make(map[Code]uint64)
	}
	c.failedAsks[code]++
}

// early is the meter of links whose handshake is not over.
func (c *counters) early() *meter { return c.meter("") }

// up is the meter of a link with a peer that has come up.
func (c *counters) up(peer string) *meter {
	m := c.meter(peer)
	m.ups.Add(1)
	return m
}

func (c *counters) meter(peer string) *meter {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.meters == nil {
		c.meters = make(map[string]*meter)
	}
	if c.meters[peer] == nil && len(c.meters) >= maxPeers {
		peer = otherPeers
	}
	if c.meters[peer] == nil {
		c.meters[peer] = new(meter)
	}
	return c.meters[peer]
}

// tell adds what was counted to a status. ended is how many asks ended, in whatever way.
func (c *counters) tell(status *pb.NodeStatus, ended uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var traffic []*pb.Traffic
	for _, peer := range slices.Sorted(maps.Keys(c.meters)) {
		traffic = append(traffic, c.meters[peer].traffic(peer))
	}
	status.Traffic = fitting(traffic, trafficBytes)
	for _, reason := range slices.Sorted(maps.Keys(c.refusals)) {
		status.Refusals = append(status.Refusals, &pb.RefusalCount{Reason: reason, Count: c.refusals[reason]})
	}
	replied := &pb.CodeCount{Code: pb.Code_CODE_OK, Count: ended}
	status.Asks = append(status.Asks, replied)
	for _, code := range slices.Sorted(maps.Keys(c.failedAsks)) {
		replied.Count -= min(replied.Count, c.failedAsks[code])
		status.Asks = append(status.Asks, &pb.CodeCount{Code: pb.Code(code), Count: c.failedAsks[code]})
	}
}

// countAsk counts an ask that ended without a reply.
func (n *Node) countAsk(err error) {
	if e, ok := err.(*Error); ok {
		n.counters.askFailed(e.Code)
	}
}

// fitting is the first of them that have so many bytes in all.
func fitting[M proto.Message](all []M, room int) []M {
	for i, m := range all {
		if room -= proto.Size(m) + 4; room < 0 {
			return all[:i]
		}
	}
	return all
}

// CountRefusal counts a connection or link that a listener or door refused: see [door.RefusalCounter].
func (n *Node) CountRefusal(reason pb.RefusalReason) { n.counters.refused(reason) }

// Status is what the node does at present, and what it has counted: its actors, links, asks, refusals. Its /system answers the same.
func (n *Node) Status(request *pb.StatusRequest) *pb.NodeStatus {
	status := &pb.NodeStatus{
		Node: n.name, Incarnation: n.incarnation, Software: software, Language: "go", UptimeMs: n.now(),
	}
	n.tellActors(status, request)
	n.tellLinks(status)
	n.counters.tell(status, n.tellAsks(status))
	n.dead.mu.Lock()
	defer n.dead.mu.Unlock()
	for _, code := range slices.Sorted(maps.Keys(n.dead.counts)) {
		status.DeadLetters = append(status.DeadLetters, &pb.CodeCount{Code: pb.Code(code), Count: n.dead.counts[code]})
	}
	status.LateReplies = n.dead.late
	return status
}

func (n *Node) tellActors(status *pb.NodeStatus, request *pb.StatusRequest) {
	most := min(int(request.GetMostActors()), maxTold)
	if most == 0 {
		most = told
	}
	var actors []*pb.ActorInfo
	for _, c := range n.allCells() {
		if isReserved(c.path) {
			continue
		}
		status.Actors++
		if strings.HasPrefix(c.path, request.GetPrefix()) {
			actors = append(actors, c.info())
		}
	}
	slices.SortFunc(actors, func(a, b *pb.ActorInfo) int {
		return cmp.Or(cmp.Compare(b.Depth, a.Depth), cmp.Compare(a.Path, b.Path))
	})
	status.Fullest = fitting(actors[:min(most, len(actors))], actorBytes)
	for _, other := range actors[len(status.Fullest):] {
		status.OthersDepth += uint64(other.Depth)
	}
}

func (n *Node) tellLinks(status *pb.NodeStatus) {
	links := n.allLinks()
	slices.SortFunc(links, func(a, b *linkEnd) int { return cmp.Compare(a.id, b.id) })
	for _, l := range links {
		now := l.status()
		if now.Up {
			status.LinksUp++
		}
		status.Links = append(status.Links, now)
	}
	status.Links = fitting(status.Links[:min(len(links), maxToldLinks)], linkBytes)
}

// tellAsks says how many asks have ended.
func (n *Node) tellAsks(status *pb.NodeStatus) (ended uint64) {
	type waiting struct {
		asked string
		by    *linkEnd
		since uint64
	}
	var all []waiting
	n.asksMu.Lock()
	status.AsksWaiting = uint32(n.asks.Waiting())
	ended = n.asks.Ended()
	n.asks.Each(func(w **waiter) { all = append(all, waiting{(*w).asked, (*w).placed.link, (*w).since}) })
	n.asksMu.Unlock()
	slices.SortFunc(all, func(a, b waiting) int { return cmp.Compare(a.since, b.since) })
	var oldest []*pb.AskStatus
	for _, w := range all[:min(len(all), maxToldAsks)] {
		ask := &pb.AskStatus{Target: w.asked, AgeMs: status.UptimeMs - min(status.UptimeMs, w.since)}
		if w.by != nil {
			ask.Peer = w.by.peerName()
		}
		oldest = append(oldest, ask)
	}
	status.OldestAsks = fitting(oldest, askBytes)
	return ended
}

// meterNow counts what goes by the link.
func (l *linkEnd) meterNow() *meter { return l.meter.Load() }

// stall counts a flow that has used up its credit, once until it is given some. The caller holds the lock.
func (l *linkEnd) stall(flow uint32) {
	if _, known := l.stalled[flow]; !known {
		l.stalled[flow] = struct{}{}
		l.meterNow().creditStalls.Add(1)
	}
}

func (l *linkEnd) status() *pb.LinkStatus {
	l.mu.Lock()
	defer l.mu.Unlock()
	flows, credit := l.machine.FlowsOut()
	return &pb.LinkStatus{
		Peer: l.peer, Up: l.machine.IsUp(), Dialled: l.epoch > 0, SharedMemory: l.lane != nil, AgeMs: l.node.now() - l.since,
		StreamsOut: uint32(flows), Credit: credit, Stalled: uint32(len(l.stalled)), StreamsIn: uint32(l.machine.FlowsIn()),
		QueuedBytes: uint64(l.machine.QueuedBytes()),
	}
}
