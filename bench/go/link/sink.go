package main

import (
	"sync/atomic"

	ab "github.com/actorbridge/actorbridge/go-client"
)

// sink counts what it is told, and says so when that is what is wanted.
type sink struct {
	want  atomic.Uint64
	told  chan uint64
	notes uint64
	sum   uint64
}

// Receive implements ab.Receiver.
func (s *sink) Receive(_ ab.Context, m *ab.Message) error {
	data, err := m.Raw(rawNote)
	if err != nil {
		return err
	}
	s.sum += uint64(data[0])
	if s.notes++; s.notes == s.want.Load() {
		s.notes = 0
		s.told <- s.sum
	}
	return nil
}
