package rows

import (
	"context"
	"errors"
	"io"

	"github.com/actorbridge/actorbridge/examples/handover/flightsv1"
)

// Each calls good for each good row, whose departure is valid during the call, and bad for each malformed one, until
// the file or ctx ends or good fails.
func Each(ctx context.Context, path string, good func(*flightsv1.Departure) error, bad func(*Malformed)) (err error) {
	file, err := Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	var departure flightsv1.Departure
	for ctx.Err() == nil {
		var malformed *Malformed
		switch err := file.Next(&departure); {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &malformed):
			bad(malformed)
		case err != nil:
			return err
		default:
			if err := good(&departure); err != nil {
				return err
			}
		}
	}
	return context.Cause(ctx)
}
