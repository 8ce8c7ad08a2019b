package actors

import (
	"errors"
	"io"
	"time"

	ab "github.com/actorbridge/actorbridge/go-client"

	"github.com/actorbridge/actorbridge/examples/handover/flightsv1"
	"github.com/actorbridge/actorbridge/examples/handover/rows"
)

// Patience is how long the reader may take for one request: far longer than a move pauses it, and no longer than a person
// would wait for something that hangs.
const Patience = 30 * time.Second

// Reader is a loop actor: a goroutine of its own that keeps the file open and reads on when it is asked to. ReadRows has it
// tell the next rows to the carriers; it does not know where they live. GetReport takes the same way as the rows, so that
// the answer comes after all of them have been handled.
func Reader(path string, carriers ab.Ref) func(ab.Context, *ab.Inbox) error {
	return func(ctx ab.Context, in *ab.Inbox) (err error) {
		file, err := rows.Open(path)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		r := reader{node: ctx.Node(), file: file, carriers: carriers}
		for m := range in.All() {
			if err := r.answer(m); err != nil {
				ctx.Logger().Debug("a request failed", "type", m.Type(), "err", err)
				_ = m.Fail(err) // fails only for what is no ask
			}
		}
		return nil
	}
}

type reader struct {
	node     *ab.Node
	file     *rows.File
	carriers ab.Ref
	row      flightsv1.Departure
}

func (r *reader) answer(m *ab.Message) error {
	message, err := m.Open()
	if err != nil {
		return err
	}
	switch message := message.(type) {
	case *flightsv1.ReadRows:
		told, err := r.tell(m, message.Most)
		if err != nil {
			return err
		}
		return m.Reply(&flightsv1.RowsRead{Rows: told})
	case *flightsv1.GetReport:
		page, err := ab.Ask[*flightsv1.Report](m.Context(), r.carriers, message, ab.Timeout(Patience))
		if err != nil {
			return err
		}
		return m.Reply(page)
	}
	return m.Unsupported()
}

// tell tells at most so many rows; fewer = the file is at its end. A row that is malformed was reported when the file's
// rows were counted.
func (r *reader) tell(m *ab.Message, most uint64) (told uint64, err error) {
	for told < most {
		switch err := r.file.Next(&r.row); {
		case errors.Is(err, io.EOF):
			return told, nil
		case errors.As(err, new(*rows.Malformed)):
			continue
		case err != nil:
			return told, err
		}
		// It waits while the carriers' mailbox is full, as long as who asked for the rows waits.
		if err := r.node.Tell(m.Context(), r.carriers, &r.row); err != nil {
			return told, err
		}
		told++
	}
	return told, nil
}
