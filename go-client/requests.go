package actorbridge

import "time"

// requestKey names a request of an actor: a correlation means something only at the node that made it.
type requestKey struct {
	node        string
	correlation uint64
}

// request is an answer that an actor still expects as a message.
type request struct {
	note     []byte
	deadline time.Time
	stop     func() bool // of the timer that ends it here, if it was made elsewhere
}

// noteRequest remembers a request. The caller holds the lock.
func (c *cell) noteRequest(key requestKey, r *request) {
	own := c.own()
	if own.requests == nil {
		own.requests = make(map[requestKey]*request)
	}
	own.requests[key] = r
}

func (c *cell) takeRequest(key requestKey) (note []byte, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.endRequest(key)
}

// endRequest is takeRequest under the lock.
func (c *cell) endRequest(key requestKey) (note []byte, ok bool) {
	requests := c.seldom().requests
	r := requests[key]
	if r == nil {
		return nil, false
	}
	delete(requests, key)
	if r.stop != nil {
		r.stop()
	}
	return r.note, true
}

// adoptRequest takes over a request that was made elsewhere. If its answer has not come by then, it will not come. The
// caller holds the lock.
func (c *cell) adoptRequest(key requestKey, note []byte, within, patience time.Duration) {
	r := &request{note: note, deadline: time.Now().Add(within)}
	r.stop = time.AfterFunc(within+patience, func() {
		f := failed(CodeOutcomeUnknown, "no answer in time")
		c.node.answerMoved(c.path, key, failureOut(key.correlation, &f, nil).message(c.node, noWho))
	}).Stop
	c.noteRequest(key, r)
}

// answerMoved brings an answer to an actor whose request was made at another node, or to where the actor has gone. The
// message says the node in slot.
func (n *Node) answerMoved(path string, key requestKey, answer *Message) {
	answer.slot = key.node
	c := n.cell(path)
	if c == nil {
		n.forwardAnswer(path, answer)
		return
	}
	note, ok := c.takeRequest(key)
	if !ok {
		n.dead.lateReply()
		return
	}
	answer.note = note
	if c.offerForced(answer) == offerGone {
		n.forwardAnswer(path, answer)
	}
}
