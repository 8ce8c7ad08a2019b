// Package actors holds the handover's two actors in Go: one tells rows, one counts them.
package actors

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	ab "github.com/actorbridge/actorbridge/go-client"

	"github.com/actorbridge/actorbridge/examples/handover/flightsv1"
	"github.com/actorbridge/actorbridge/examples/handover/tally"
)

const language = "go"

// CarriersPath is where the counting actor is found, wherever it lives.
const CarriersPath = "carriers"

// Carriers counts each Departure it is told, and answers GetReport with a page of what it counted. The actor of the same
// address in Rust (rust/src/carriers.rs) does the same, and each continues from the other's snapshot.
type Carriers struct {
	tally *tally.Tally
}

// NewCarriers is an actor that has counted nothing.
func NewCarriers() ab.Receiver { return &Carriers{tally.New(language)} }

// Receive implements ab.Receiver.
func (c *Carriers) Receive(_ ab.Context, m *ab.Message) error {
	message, err := m.Open()
	if err != nil {
		return err
	}
	switch message := message.(type) {
	case *flightsv1.Departure:
		return coded(c.tally.Add(message))
	case *flightsv1.GetReport:
		return m.Reply(c.tally.Page(message.After))
	}
	return m.Unsupported()
}

// Snapshot implements ab.Snapshotter.
func (c *Carriers) Snapshot(context.Context) (proto.Message, error) { return c.tally.Snapshot(), nil }

// Restore implements ab.Snapshotter.
func (c *Carriers) Restore(_ context.Context, state proto.Message) error {
	report, ok := state.(*flightsv1.Report)
	if !ok {
		return coded(fmt.Errorf("%w (it is %T)", tally.ErrForeignState, state))
	}
	restored, err := tally.Restore(report, language)
	if err != nil {
		return coded(err)
	}
	c.tally = restored
	return nil
}

// coded gives a refusal the code that the Rust actor gives it.
func coded(err error) error {
	switch {
	case errors.Is(err, tally.ErrTooManyCarriers):
		return &ab.UserError{Code: "TOO_MANY_CARRIERS", Message: err.Error()}
	case errors.Is(err, tally.ErrForeignState):
		return &ab.UserError{Code: "FOREIGN_STATE", Message: err.Error()}
	}
	return err
}
