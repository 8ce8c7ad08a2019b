//go:build !cgo

package native

import (
	"context"

	"github.com/actorbridge/actorbridge/go-client/door"
)

type noDoor struct{}

func newDoor(options) door.Door { return noDoor{} }

func (noDoor) Dial(context.Context) (door.Link, error) { return nil, ErrNoCgo }

func (noDoor) String() string { return "native (not in this program)" }
