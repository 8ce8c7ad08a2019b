package machine

import "github.com/actorbridge/actorbridge/go-client/internal/wire"

// excessWindow is for how long, in milliseconds, the fastest frame is looked for: in the present window and the one before.
const excessWindow = 30_000

// excess finds how much longer a frame took than the fastest ones of the last half or whole minute: that is the time that it lay in
// buffers on the way. The clocks of the two nodes need not agree: only differences count, and their numbers may wrap around.
type excess struct {
	// fastest and before are the least difference between the clocks when a frame came and when it was built.
	fastest, before uint32
	until           Millis // the end of the window; 0 = no frame has come
}

// of is the excess of a frame that comes now.
func (e *excess) of(sentMs uint32, now Millis) uint32 {
	took := uint32(now) - sentMs
	switch {
	case e.until == 0 || now >= e.until+excessWindow:
		e.fastest, e.before, e.until = took, took, now+excessWindow
	case now >= e.until:
		e.fastest, e.before, e.until = took, e.fastest, now+excessWindow
	default:
		e.fastest = faster(took, e.fastest)
	}
	return took - faster(e.fastest, faster(took, e.before))
}

func faster(a, b uint32) uint32 {
	if int32(a-b) < 0 {
		return a
	}
	return b
}

// Charge lowers the time that is left to what is in a packet by how long it lay on the way. It is to be called of each packet that
// comes, before anything else. A peer that does not say when it built the packet (SentMs 0) is believed.
func (l *Link) Charge(p *wire.Packet, now Millis) {
	if p.Head.GetSentMs() == 0 {
		return
	}
	late := l.excess.of(p.Head.SentMs, now)
	if late == 0 {
		return
	}
	for i := range p.Runs {
		run := &p.Runs[i]
		for k := range run.Items {
			run.Items[k].TTLMs = charged(run.Items[k].TTLMs, late)
		}
		if run.Packed != nil {
			run.Packed.TTLMs = charged(run.Packed.TTLMs, late)
		}
	}
	for _, part := range p.Head.Fragment {
		part.TtlMs = charged(part.TtlMs, late)
	}
}

// charged is what is left of a time: none (0) stays none, and what is over is found so by whoever holds the message, who answers.
func charged(ttlMs, late uint32) uint32 {
	if ttlMs == 0 {
		return 0
	}
	return max(ttlMs, late+1) - late
}
