package main

import (
	"context"

	"github.com/actorbridge/actorbridge/bench/go/meter"
)

// size is how many bytes a small message has.
const size = 64

// channels is what Go itself offers: a goroutine that gets copied slices by a channel, and one that answers each question on a
// channel that is made for it, or on one that its asker uses again.
func channels() []meter.Case {
	return []meter.Case{
		meter.Of("go_chan_tell", chanTell),
		meter.Of("go_chan_ask_64", func(_ context.Context, n int) error { return chanAsk(n, 64, fresh) }),
		meter.Of("go_chan_ask_1024", func(_ context.Context, n int) error { return chanAsk(n, 1024, fresh) }),
		meter.Of("go_chan_reused_64", func(_ context.Context, n int) error { return chanAsk(n, 64, reused()) }),
		meter.Of("go_chan_reused_1024", func(_ context.Context, n int) error { return chanAsk(n, 1024, reused()) }),
	}
}

// mailbox is the capacity of an actor's mailbox, and so of the channel.
const mailbox = 1024

// sum reads the bytes, as a handler would.
func sum(data []byte) (sum uint64) {
	for _, b := range data {
		sum += uint64(b)
	}
	return sum
}

func chanTell(_ context.Context, n int) error {
	c, total := make(chan []byte, mailbox), make(chan uint64)
	go func() {
		all := uint64(0)
		for data := range c {
			all += sum(data)
		}
		total <- all
	}()
	var message [size]byte
	for i := range n {
		message[0] = byte(i)
		c <- append([]byte(nil), message[:]...)
	}
	close(c)
	<-total
	return nil
}

type question struct {
	data   []byte
	answer chan []byte
}

// fresh makes a channel for an answer.
func fresh() chan []byte { return make(chan []byte, 1) }

// reused gives one channel for all answers.
func reused() func() chan []byte {
	c := fresh()
	return func() chan []byte { return c }
}

func chanAsk(n, size int, answers func() chan []byte) error {
	c := make(chan question, mailbox)
	go func() {
		for q := range c {
			q.answer <- append([]byte(nil), q.data...)
		}
	}()
	message := make([]byte, size)
	for range n {
		q := question{append([]byte(nil), message...), answers()}
		c <- q
		<-q.answer
	}
	close(c)
	return nil
}
