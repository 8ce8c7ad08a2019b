package machine

import "slices"

// Who judges, by the letters of the fault matrix: E, an effect at most once, and never of a message that was refused; O, the order of
// each session; C, each message ends handled, refused or told; K, work goes on once nothing happens any more. And memory is bounded.

// handled: the actor handles a message (E, O).
func (w *lossyWorld) handled(m *lossyMessage) {
	if m.handled++; m.handled > 1 {
		w.fail("message %d was handled twice", m.number)
	}
	if m.fate == fateRefused || m.letter {
		w.fail("message %d was handled, and its sender was told that it was not", m.number)
	}
	if m.number <= m.stream.lastMessage {
		w.fail("message %d was handled after %d", m.number, m.stream.lastMessage)
	}
	m.stream.lastMessage = m.number
	if isBlocked := func(s *lossySender) bool { return s.blocked[0] > w.now }; !isBlocked(m.conn.sender) && slices.ContainsFunc(w.senders, isBlocked) {
		w.meanwhile++
	}
}

// bounded: what waits anywhere is within the bounds of who holds it.
func (w *lossyWorld) bounded() {
	r := w.receiver
	if used, most := r.pool.Used(), min(r.pool.Most(), uint64(r.capacity)+InitialCredit*r.opened); used > most {
		w.fail("the actor holds %d messages; at most %d", used, most)
	}
	if used := r.pool.Used(); used != uint64(len(r.mailbox)) {
		w.fail("the pool counts %d messages, and %d wait", used, len(r.mailbox))
	}
	for _, s := range w.senders {
		for _, c := range s.conns {
			if bytes := c.ends[0].QueuedBytes(); bytes > MaxQueuedBytes+ReservedBytes {
				w.fail("%d bytes wait for the writer", bytes)
			}
			for end, link := range c.ends {
				if held := max(link.coming.unprocessed, link.coming.begun); held > link.limits.AssemblyBytes {
					w.fail("end %d holds %d bytes of large messages", end, held)
				}
				if len(link.states) > len(link.inFlows) || link.stateOrder.len() > len(link.inFlows) {
					w.fail("end %d has %d states to tell of %d flows", end, len(link.states), len(link.inFlows))
				}
			}
		}
	}
}

// settled: at rest, each message is accounted for (C).
func (w *lossyWorld) settled() {
	if n := len(w.receiver.mailbox); n > 0 {
		w.fail("%d messages wait for ever", n)
	}
	for _, s := range w.senders {
		if s.asks.Waiting() != 0 {
			w.fail("%d asks of %s wait for ever", s.asks.Waiting(), s.name)
		}
		for _, c := range s.conns {
			for end, link := range c.ends {
				if held := link.coming.unprocessed + link.coming.begun; held != 0 && !c.closed[end] {
					w.fail("%d bytes of large messages are held at rest", held)
				}
			}
		}
	}
	for _, m := range w.messages {
		if m.fate != fateSent {
			continue
		}
		switch isNow := m.conn == m.conn.sender.conn; {
		case m.isAsk:
			w.fail("ask %d (seq %d, link %d) has no outcome", m.number, m.seq, m.conn.number)
		case m.handled == 0 && !m.letter && !m.died:
			w.fail("tell %d (seq %d, link %d of %d) was lost, and nobody was told", m.number, m.seq, m.conn.number, w.conns)
		case isNow && m.letter:
			w.fail("tell %d (seq %d, link %d) was refused, and its sender was not told", m.number, m.seq, m.conn.number)
		case isNow && m.conn.ends[0].outFlow(m.flow).processed < m.seq:
			w.fail("tell %d (seq %d, link %d) was handled, and its sender does not know", m.number, m.seq, m.conn.number)
		}
	}
}

// goesOn: at rest, each stream takes a message of each kind, and they are handled (K).
func (w *lossyWorld) goesOn() {
	var sent []*lossyMessage
	for _, s := range w.senders {
		for _, stream := range s.streams {
			for _, isAsk := range []bool{false, true} {
				m := &lossyMessage{number: len(w.messages), stream: stream, isAsk: isAsk}
				if isAsk {
					m.deadline = w.now + 10_000
				}
				if !s.sendNew(m) {
					w.fail("a stream of %s takes nothing any more", s.name)
					return
				}
				sent = append(sent, m)
				w.rest(300)
			}
		}
	}
	for _, m := range sent {
		if m.handled != 1 || m.isAsk && m.fate != fateReplied {
			w.fail("message %d, of a time in which nothing happens, was handled %d times", m.number, m.handled)
		}
	}
}
