package main

import (
	"bytes"
	"context"

	"github.com/actorbridge/actorbridge/bench/go/meter"
)

// A channel has the memory of its capacity at once. So one that is alone has that of an actor's mailbox, and one of many less.
const (
	capacityAlone  = 1024
	capacityOfMany = 16
)

// mail is what goes by a channel: a message, and, of an ask, where its answer goes.
type mail struct {
	data   []byte
	answer chan []byte
}

// goroutines is what Go itself offers: each has a channel, by which it gets copied bytes, and answers on a fresh one.
func goroutines() []meter.Case {
	here := &meter.Local[chan<- mail]{}
	serve := func(inbox <-chan mail) {
		for m := range inbox {
			if m.answer != nil {
				m.answer <- bytes.Clone(m.data)
				continue
			}
			here.Took(m.data)
		}
	}
	here.Spawn = func(_, of int) (chan<- mail, error) {
		capacity := capacityOfMany
		if of == 1 {
			capacity = capacityAlone
		}
		inbox := make(chan mail, capacity)
		go serve(inbox)
		return inbox, nil
	}
	here.Tell = func(_ context.Context, to chan<- mail, data []byte) error {
		to <- mail{data: bytes.Clone(data)}
		return nil
	}
	here.Ask = func(_ context.Context, to chan<- mail, data []byte) error {
		answer := make(chan []byte, 1)
		to <- mail{bytes.Clone(data), answer}
		<-answer
		return nil
	}
	return here.Cases()
}
