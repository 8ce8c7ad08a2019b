package main

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/door"

	"github.com/actorbridge/actorbridge/examples/handover/actors"
	"github.com/actorbridge/actorbridge/examples/handover/flightsv1"
	"github.com/actorbridge/actorbridge/examples/handover/outcome"
)

const (
	goNode   = "go"
	rustNode = "rust"
	// slice is how many rows the reader is asked for at once.
	slice = 512
	// shutdownTime is how long a node's actors and links may take to end.
	shutdownTime = 5 * time.Second
)

// step is one move, asked for when so many rows have been sent.
type step struct {
	row uint64
	to  string
}

// stream sends the whole file to the carriers once.
type stream struct {
	path  string
	rows  uint64 // that the file has
	door  door.Door
	steps []step

	node     *ab.Node
	carriers ab.Ref
	reader   ab.Ref
	sent     atomic.Uint64
}

// run starts a Go node with both actors, links it if there is a door, sends all rows while the steps are made, and asks
// for the report.
func (s *stream) run(ctx context.Context, name string) (run *outcome.Run, err error) {
	options := []ab.Option{
		ab.WithLogger(slog.New(slog.DiscardHandler)),
		// There from the start, and what the move back makes.
		ab.Factory(actors.CarriersPath, actors.NewCarriers),
	}
	if s.door != nil {
		options = append(options, ab.WithLink(s.door))
	}
	if s.node, err = ab.Start(ctx, goNode, options...); err != nil {
		return nil, err
	}
	defer func() {
		ending, cancel := context.WithTimeout(context.Background(), shutdownTime)
		defer cancel()
		err = errors.Join(err, s.node.Shutdown(ending))
	}()
	if s.carriers, err = s.node.Ref("ab:///" + actors.CarriersPath); err != nil {
		return nil, err
	}
	if s.reader, err = s.node.SpawnLoop("reader", actors.Reader(s.path, s.carriers)); err != nil {
		return nil, err
	}
	return s.send(ctx, name)
}

func (s *stream) send(ctx context.Context, name string) (*outcome.Run, error) {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	start := time.Now()
	mover := s.startMover(ctx, fail)
	if err := s.tellAll(ctx, mover, name); err != nil {
		fail(err)
	}
	moves := mover.finish()
	report, err := s.report(ctx)
	if cause := context.Cause(ctx); cause != nil {
		return nil, cause // what ended it, rather than what followed from that
	}
	if err != nil {
		return nil, err
	}
	return &outcome.Run{Door: name, Sent: s.sent.Load(), Moves: moves, Took: time.Since(start), Report: report}, nil
}

// tellAll has the reader tell all rows, a slice at a time.
func (s *stream) tellAll(ctx context.Context, mover *mover, name string) error {
	bar := newBar(name, s.rows)
	defer bar.clear()
	for {
		most := mover.next(s.sent.Load())
		told, err := ab.Ask[*flightsv1.RowsRead](ctx, s.reader, &flightsv1.ReadRows{Most: most}, ab.Timeout(actors.Patience))
		if err != nil {
			return err
		}
		bar.show(s.sent.Add(told.Rows))
		if told.Rows < most {
			return nil
		}
	}
}

// report asks for all pages. The reader passes the question on, so that it comes after the rows.
func (s *stream) report(ctx context.Context) (*flightsv1.Report, error) {
	var whole *flightsv1.Report
	request := &flightsv1.GetReport{}
	for {
		page, err := ab.Ask[*flightsv1.Report](ctx, s.reader, request, ab.Timeout(actors.Patience))
		if err != nil {
			return nil, err
		}
		if whole == nil {
			whole = page
		} else {
			whole.Carriers = append(whole.Carriers, page.Carriers...)
		}
		if !page.More {
			return whole, nil
		}
		if len(page.Carriers) == 0 {
			return nil, errors.New("the report has an empty page, and says that there is more")
		}
		request.After = &page.Carriers[len(page.Carriers)-1].Carrier
	}
}
