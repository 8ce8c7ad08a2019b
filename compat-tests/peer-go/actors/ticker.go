package actors

import (
	"errors"
	"strconv"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
)

// ticker answers an Add by `n` events, each with its number and `by` bytes, and then replies how many they were; one that is too
// large is sent as the name of that error. It is a counter for everything else. The gate has under its path how many events
// were sent (entered), and how often it was told that its asker has gone (cancelled).
type ticker struct{ *counter }

// Receive implements ab.Receiver.
func (t ticker) Receive(ctx ab.Context, m *ab.Message) error {
	var add testpb.Add
	if m.Type() != string(add.ProtoReflect().Descriptor().FullName()) {
		return t.counter.Receive(ctx, m)
	}
	if err := m.Decode(&add); err != nil {
		return err
	}
	count := &testpb.Count{Language: "go"}
	for number := uint64(1); number <= add.N; number++ {
		sent, err := tick(m, number, int(add.By))
		if errors.Is(err, ab.ErrCancelled) {
			with(ctx.Self().Path(), func(k *key) { k.counts.Cancelled++ })
		}
		if err != nil {
			return err
		}
		with(ctx.Self().Path(), func(k *key) { k.counts.Entered++ })
		if sent {
			count.Handled++
		}
	}
	return m.Reply(count)
}

// tick: was it sent as it is?
func tick(m *ab.Message, number uint64, bytes int) (bool, error) {
	err := m.Emit(&testpb.EchoReply{Text: strconv.FormatUint(number, 10), Data: incompressible(bytes)})
	if errors.Is(err, ab.ErrTooLarge) {
		return false, m.Emit(&testpb.EchoReply{Text: "TOO_LARGE"})
	}
	return err == nil, err
}

// incompressible are bytes that are as many on a link that compresses.
func incompressible(many int) []byte {
	data, state := make([]byte, many), uint64(0)
	for i := range data {
		state = state*6_364_136_223_846_793_005 + 1
		data[i] = byte(state >> 56)
	}
	return data
}
