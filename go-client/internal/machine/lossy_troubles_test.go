package machine

import "slices"

// trouble is something that happens to nodes and links.
type trouble struct {
	// row is its row in the fault matrix.
	row string
	// begin draws how hard it is, strike may do something at each step, or is nil.
	begin, strike func(*lossyWorld)
	// shows: a walk in which this is false of all seeds together has not tried it.
	shows func(*lossySeen) bool
	// staysUp: no link may be lost by it.
	staysUp bool
}

// lossyTroubles are the rows of the fault matrix that a machine without I/O can be tried by:
//
//	 1 drop 10 to 30 % of frames               drop
//	 2 drop only acks                          no_acks
//	 3 duplicate frames                        repeat
//	 4 reorder and delay                       swap, delay
//	 5 symmetric partition and heal            partition
//	 6 one-way partition                       one_way
//	 7 links clogged and freed one by one      clogged
//	 8 latency above the deadline              late
//	 9 slow bandwidth, sliced                  slow
//	10 reset and slow close                    reset, slow_close
//	13 restart at the same address             receiver_restarts, sender_restarts
//	22 slow consumer                           slow_consumer
//	23 unknown kind, codec or version          unknown
//
// A frame comes with its last byte: of slices the machines see nothing but the time. Each seed draws how hard it comes; "many" is three of
// them at once, which the seed draws too.
var lossyTroubles = map[string]trouble{
	"drop":    {row: "1", shows: lostLinks, begin: func(w *lossyWorld) { w.wire.drop = w.between(100, 300) }},
	"no_acks": {row: "2", shows: lostLinks, begin: func(w *lossyWorld) { w.wire.dropAcks = w.between(100, 1_000) }},
	"repeat":  {row: "3", shows: lostLinks, begin: func(w *lossyWorld) { w.wire.repeat = w.between(20, 200) }},
	"swap":    {row: "4", shows: lostLinks, begin: func(w *lossyWorld) { w.wire.swap = w.between(20, 200) }},
	"delay": {row: "4", shows: anything, staysUp: true, begin: func(w *lossyWorld) {
		w.wire.latency, w.wire.jitter = w.between(0, 300), w.between(50, 400)
	}},
	"partition": {row: "5", shows: silentLinks, begin: nothing, strike: func(w *lossyWorld) {
		if w.oneIn(150) {
			until := w.now + Millis(w.between(100, 8*lossyPing))
			w.senders[w.IntN(len(w.senders))].blocked = [2]Millis{until, until}
		}
	}},
	"one_way": {row: "6", shows: func(s *lossySeen) bool { return s.silent > 0 && s.superseded > 0 }, begin: nothing, strike: func(w *lossyWorld) {
		if w.oneIn(100) {
			w.senders[w.IntN(len(w.senders))].blocked[w.IntN(2)] = w.now + Millis(w.between(100, 8*lossyPing))
		}
	}},
	"clogged": {row: "7", shows: anything, staysUp: true, begin: manySenders, strike: clog},
	"late": {row: "8", shows: func(s *lossySeen) bool { return s.expired > 0 && s.late > 0 }, staysUp: true, begin: func(w *lossyWorld) {
		w.wire.latency, w.wire.jitter = w.between(100, 600), 50
		w.traffic.hasty, w.traffic.within = 700, Millis(w.wire.latency)
	}},
	"slow": {row: "9", shows: func(s *lossySeen) bool { return s.noRoom > 0 }, staysUp: true, begin: func(w *lossyWorld) {
		w.wire.rate, w.traffic.burst, w.traffic.heavy = w.between(60, 300), w.between(1, 20), true
	}},
	"reset": {row: "10", shows: lostLinks, begin: nothing, strike: func(w *lossyWorld) {
		if c := w.someConn(); w.oneIn(60) && c != nil {
			c.cut()
		}
	}},
	"slow_close":        {row: "10", shows: lostLinks, begin: slowly, strike: closeSlowly},
	"receiver_restarts": {row: "13", shows: restarts, begin: slowly, strike: restartReceiver},
	"sender_restarts":   {row: "13", shows: restarts, begin: slowly, strike: restartSender},
	"slow_consumer": {row: "22", shows: waits, staysUp: true, begin: func(w *lossyWorld) { w.traffic.burst = 20 }, strike: func(w *lossyWorld) {
		if w.oneIn(100) {
			w.receiver.standsUntil = w.now + Millis(w.between(500, 8_000))
		}
	}},
	"unknown": {row: "23", shows: func(s *lossySeen) bool { return s.refused > 0 }, staysUp: true, begin: func(w *lossyWorld) {
		w.traffic.odd = w.between(50, 900)
	}},
}

func nothing(*lossyWorld)           {}
func anything(*lossySeen) bool      { return true }
func lostLinks(s *lossySeen) bool   { return s.lost > 0 }
func silentLinks(s *lossySeen) bool { return s.silent > 0 }
func waits(s *lossySeen) bool       { return s.noCredit > 0 }
func restarts(s *lossySeen) bool    { return s.restarts > 0 && s.silent+s.superseded > 0 }
func slowly(w *lossyWorld)          { w.wire.latency, w.wire.jitter = w.between(0, 200), w.between(0, 200) }
func manySenders(w *lossyWorld) {
	for len(w.senders) < 3 {
		w.senders = append(w.senders, newLossySender(w, len(w.senders)))
	}
}

// clog clogs one link after the other, for a time in which none may be given up. The others go on meanwhile.
func clog(w *lossyWorld) {
	now := slices.IndexFunc(w.senders, func(s *lossySender) bool { return s.blocked[0] > 0 })
	if now >= 0 && w.senders[now].blocked[0] > w.now || w.now < 2_000 {
		return
	}
	if now >= 0 { // it is free again
		w.senders[now].blocked = [2]Millis{}
		for _, c := range w.senders[now].conns { // else the dice may have nobody read for so long that it is given up after all
			c.carry(0)
			c.carry(1)
		}
		if w.meanwhile == 0 && len(w.troubles) == 1 {
			w.fail("nothing was handled while the link of %s was clogged", w.senders[now].name)
		}
	}
	until := w.now + Millis(w.between(lossyPing, 2*lossyPing))
	w.senders[(now+1)%len(w.senders)].blocked, w.meanwhile = [2]Millis{until, until}, 0
}

// closeSlowly: a side drains its link, or closes it at once; what it has sent comes first.
func closeSlowly(w *lossyWorld) {
	c, end := w.someConn(), w.IntN(2)
	switch {
	case c == nil || !w.oneIn(60) || c.closed[end]:
	case w.oneIn(2):
		c.ends[end].Drain()
	default:
		c.act(end, c.ends[end].Lost("this node closed the link", nil))
	}
}

func (w *lossyWorld) someConn() *lossyConn { return w.senders[w.IntN(len(w.senders))].someConn() }

func restartReceiver(w *lossyWorld) {
	if w.oneIn(120) {
		w.receiver.restart(w.oneIn(2))
	}
}

// restartSender: the actor may stand still meanwhile, so that what it answers comes to another process than that which has asked.
func restartSender(w *lossyWorld) {
	if w.oneIn(60) {
		w.receiver.standsUntil = w.now + Millis(w.IntN(2)*w.between(200, 2_000))
		w.senders[w.IntN(len(w.senders))].restart(w.oneIn(2))
	}
}
