package doorcases

import (
	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/benchcodec/codecpb"
)

// counted is what the Rust actor of the suite is (bench/go/ffi/rust/src/flights.rs): it decodes each flight, and each batch of them, that
// it is told, and gives back each that it is asked. A batch of none asks how many messages were told since the last one; the answer is a
// flight with that row.
type counted struct{ told uint64 }

func (c *counted) Receive(_ ab.Context, m *ab.Message) error {
	switch m.Type() {
	case raw.Name():
		return c.bytes(m)
	case "bench.codec.v1.Flights":
		return c.batch(m)
	}
	var flight codecpb.Flight
	if err := m.Decode(&flight); err != nil {
		return err
	}
	if m.IsAsk() {
		return m.Reply(&flight)
	}
	c.told++
	return nil
}

func (c *counted) bytes(m *ab.Message) error {
	payload, err := m.Raw(raw)
	if err != nil {
		return err
	}
	if m.IsAsk() {
		return m.ReplyRaw(raw, payload)
	}
	c.told++
	return nil
}

func (c *counted) batch(m *ab.Message) error {
	var batch codecpb.Flights
	if err := m.Decode(&batch); err != nil {
		return err
	}
	switch {
	case len(batch.Flights) == 0:
		told := c.told
		c.told = 0
		return m.Reply(&codecpb.Flight{Row: told})
	case m.IsAsk():
		return m.Reply(&batch)
	}
	c.told++
	return nil
}
