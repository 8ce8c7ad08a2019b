package main

import (
	"context"
	"fmt"

	ab "github.com/actorbridge/actorbridge/go-client"

	"github.com/actorbridge/actorbridge/examples/handover/outcome"
)

// mover moves the carriers while the stream goes on.
type mover struct {
	stream  *stream
	pending []step
	asked   chan step
	moved   chan []outcome.Move
}

// startMover starts the goroutine that moves; fail ends the stream when a move fails.
func (s *stream) startMover(ctx context.Context, fail context.CancelCauseFunc) *mover {
	m := &mover{
		stream: s, pending: s.steps, asked: make(chan step, len(s.steps)), moved: make(chan []outcome.Move, 1),
	}
	go func() {
		var moves []outcome.Move
		for step := range m.asked {
			move, err := s.move(ctx, step.to)
			if err != nil {
				fail(err)
				break
			}
			moves = append(moves, move)
		}
		m.moved <- moves
	}()
	return m
}

// next has the steps made that are due when so many rows have been sent, without waiting for them, and returns how many
// rows to send until it is called again.
func (m *mover) next(sent uint64) uint64 {
	for len(m.pending) > 0 && m.pending[0].row <= sent {
		m.asked <- m.pending[0]
		m.pending = m.pending[1:]
	}
	if len(m.pending) > 0 {
		return min(slice, m.pending[0].row-sent)
	}
	return slice
}

// finish waits until the steps that have been asked for are made, or the stream has failed.
func (m *mover) finish() []outcome.Move {
	close(m.asked)
	return <-m.moved
}

// move moves the carriers to a node.
func (s *stream) move(ctx context.Context, to string) (outcome.Move, error) {
	sent := s.sent.Load()
	report, err := s.node.Move(ctx, s.carriers, ab.To(to))
	if err != nil {
		return outcome.Move{}, fmt.Errorf("the move to %s, asked for at row %d: %w", to, sent, err)
	}
	return outcome.Move{From: report.From, To: report.To, Row: sent, Pause: report.Paused, Stashed: report.Stashed}, nil
}
