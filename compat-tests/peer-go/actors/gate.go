package actors

import (
	"strings"
	"sync"

	"google.golang.org/protobuf/proto"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
)

// Gates belong to the process, not to an actor, so that they can be opened while the actor's mailbox waits.
var gates = struct {
	sync.Mutex
	keys  map[string]*key
	stops []string
}{keys: make(map[string]*key)}

// key is one gate, and what one can know of the handlers that came to it.
type key struct {
	counts *testpb.Gate
	open   chan struct{} // closed once it is open
	isOpen bool
}

// with uses a key under the lock.
func with(name string, use func(*key)) {
	gates.Lock()
	defer gates.Unlock()
	k := gates.keys[name]
	if k == nil {
		k = &key{counts: &testpb.Gate{}, open: make(chan struct{})}
		gates.keys[name] = k
	}
	use(k)
}

// noteStop remembers that an actor's stop hook ran.
func noteStop(path string) {
	gates.Lock()
	defer gates.Unlock()
	gates.stops = append(gates.stops, path)
}

// gate opens gates, and tells what came to them. Once a node, at "gate".
func gate(_ ab.Context, m *ab.Message) error {
	message, err := m.Open()
	if err != nil {
		return err
	}
	var reply proto.Message
	switch message := message.(type) {
	case *testpb.Release:
		with(message.Key, func(k *key) {
			if !k.isOpen {
				k.isOpen = true
				close(k.open)
			}
			reply = proto.Clone(k.counts)
		})
	case *testpb.GetGate:
		with(message.Key, func(k *key) { reply = proto.Clone(k.counts) })
	case *testpb.GetStops:
		reply = stopsBelow(message.Prefix)
	default:
		return m.Unsupported()
	}
	return m.Reply(reply)
}

func stopsBelow(prefix string) *testpb.Lines {
	gates.Lock()
	defer gates.Unlock()
	lines := &testpb.Lines{}
	for _, path := range gates.stops {
		if strings.HasPrefix(path, prefix) {
			lines.Line = append(lines.Line, path)
		}
	}
	return lines
}

// hold waits at the gate of each Hold's key; it is a counter for everything else.
type hold struct{ *counter }

// Receive implements ab.Receiver.
func (h hold) Receive(ctx ab.Context, m *ab.Message) error {
	var request testpb.Hold
	if m.Type() != string(request.ProtoReflect().Descriptor().FullName()) {
		return h.counter.Receive(ctx, m)
	}
	if err := m.Decode(&request); err != nil {
		return err
	}
	var open chan struct{}
	with(request.Key, func(k *key) {
		k.counts.Entered++
		open = k.open
	})
	cancelled := false
	select {
	case <-open:
	case <-ctx.Done():
		cancelled = true
	}
	with(request.Key, func(k *key) {
		if cancelled {
			k.counts.Cancelled++
		} else {
			k.counts.Released++
		}
	})
	if request.Stubborn {
		<-open
	}
	if m.IsAsk() {
		return m.Reply(&testpb.Held{Cancelled: cancelled})
	}
	return nil
}
