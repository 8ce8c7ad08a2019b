package main

import (
	"bytes"
	"errors"
	"fmt"

	ab "github.com/actorbridge/actorbridge/go-client"
)

// desk sees also what its typed handlers do not: the writer's version and the bytes, and what they refuse.
type desk struct {
	typed   ab.Receiver
	message *ab.Message // the one that is being handled
	arrived uint32
}

func newDesk() ab.Receiver {
	d := new(desk)
	d.typed = deskReceiver(func() deskHandler { return d })()
	return deskActor{d}
}

// deskActor is a desk as its node sees it.
type deskActor struct{ *desk }

// Receive implements ab.Receiver.
func (a deskActor) Receive(ctx ab.Context, m *ab.Message) error {
	a.arrived++
	a.message = m
	return a.typed.Receive(ctx, m)
}

func (d *desk) seen(text string) (*seen, error) {
	return &seen{Version: d.message.Version(), Text: text, Payload: d.message.Payload()}, nil
}

// Quote implements deskHandler, as the methods below do.
func (d *desk) Quote(_ ab.Context, m *quote) (*seen, error) { return d.seen(quoteText(m)) }

func (d *desk) Strict(_ ab.Context, m *strict) (*seen, error) { return d.seen(strictText(m)) }

func (d *desk) Adapted(_ ab.Context, m *adapted) (*seen, error) { return d.seen(adaptedText(m)) }

func (d *desk) Forwarded(_ ab.Context, m *forwarded) (*seen, error) { return d.seen(forwardedText(m)) }

func (d *desk) Arrived(ab.Context, *arrivedRequest) (*arrivedReply, error) {
	number := d.arrived - 1 // without this question
	d.arrived = 0
	return &arrivedReply{Number: number}, nil
}

// relay knows its own version of a message that it passes on.
func relay(ctx ab.Context, m *ab.Message) error {
	var f forwarded
	if err := m.Decode(&f); err != nil {
		return err
	}
	return m.Forward(ctx, ctx.Node().RefAt(f.Target))
}

// writer writes a message of each type.
type writer struct{}

// Run implements writerHandler.
func (writer) Run(ctx ab.Context, m *runRequest) (*runReply, error) {
	node := ctx.Node()
	codec := ab.Codec(m.Codec)
	to := deskOf(node.RefAt("ab://" + m.Reader + "/desk").Using(codec))
	through := deskOf(node.RefAt("ab://" + m.Reader + "/relay").Using(codec))
	if _, err := to.Arrived(ctx, &arrivedRequest{}); err != nil { // from here on it counts
		return nil, err
	}
	lines := []string{
		line("quote")(to.Quote(ctx, newQuote())),
		line("strict")(to.Strict(ctx, newStrict())),
		line("adapted")(to.Adapted(ctx, newAdapted())),
	}
	arrived, err := to.Arrived(ctx, &arrivedRequest{})
	if err != nil {
		return nil, err
	}
	lines = append(lines, fmt.Sprint("arrived: ", arrived.Number))

	sent := newForwarded("ab://" + node.Name() + "/desk")
	written, err := codec.Marshal(sent)
	if err != nil {
		return nil, err
	}
	came, err := through.Forwarded(ctx, sent)
	same := "changed"
	if bytes.Equal(came.GetPayload(), written) {
		same = "unchanged"
	}
	lines = append(lines, line("forwarded")(came, err), "its bytes: "+same)
	after, err := moves(ctx, m)
	return &runReply{Lines: append(lines, after...)}, err
}

// line says what came of a message.
func line(what string) func(*seen, error) string {
	return func(s *seen, err error) string {
		if err == nil {
			return fmt.Sprintf("%s: version %d, %s", what, s.Version, s.Text)
		}
		effect := ab.EffectMaybe
		if e := new(ab.Error); errors.As(err, &e) {
			effect = e.Effect
		}
		return fmt.Sprintf("%s: effect %s: %v", what, effect, err)
	}
}
