// Package native is the door to a Rust node in the same process: a function call away, through the C ABI.
//
// It holds no Rust code. Exactly one other package of the program brings it: native/lib (no actors of its own) or your own
// package, with your own Rust actors inside. Import it for its effect:
//
//	import (
//		"github.com/actorbridge/actorbridge/go-client/native"
//		_ "example.com/shop/rustcore"
//	)
//
// With none, the program does not link, and the linker names ab_abi_version; with two, it names
// ab_exactly_one_library_package_may_be_imported. Without cgo, Dial returns ErrNoCgo.
//
// No call blocks inside C: a link waits for its Rust node in Go's poller, so a waiting goroutine costs no thread.
//
// Rust code must not call functions that this program exports with //export, but from threads of its own: the calls of this package
// promise the Go runtime that nothing calls back. A Rust actor sends a message instead.
//
// What the Rust node logs goes to the logger of the Go node that made the link (ab.WithLogger), of several to that
// of the oldest link: with the line's own time and level, and the attributes target (the Rust node), actor, and the line's
// fields. It is looked for ten times a second. The library keeps 1,024 lines; when more came meanwhile, a warning has how many
// were dropped, as dropped. Rust nodes of one name in one process share the logger of the oldest.
package native

import (
	"errors"
	"time"

	"github.com/actorbridge/actorbridge/go-client/door"
)

// ErrNoCgo is what Dial returns in a program that was built without cgo.
var ErrNoCgo error = &door.SetupError{Err: errors.New("native: this program was built without cgo, so the native door is not in " +
	"it; build with CGO_ENABLED=1 and a C compiler, or use the remote door")}

// An Error is what the C library answered.
type Error struct {
	// Status is one of the AB_ constants of actorbridge.h.
	Status int32
	// Name is the constant's name, such as "AB_ABI_MISMATCH".
	Name string
	// Text says what happened and what to do; empty where the call has none to give.
	Text string
}

// Error implements error.
func (e *Error) Error() string {
	if e.Text == "" {
		return "native: " + e.Name
	}
	return "native: " + e.Text + " (" + e.Name + ")"
}

// An Option changes how the Rust node is opened.
type Option func(*options)

type options struct {
	name    string
	workers int
	grace   time.Duration
}

// Name is the Rust node's name, which must differ from the Go node's. Default: the name of the Rust module.
func Name(name string) Option { return func(o *options) { o.name = name } }

// Workers is how many threads run Rust actors, at most 64. Default: as many as there are cores, at most 4.
func Workers(n int) Option { return func(o *options) { o.workers = n } }

// Grace is how long Rust actors may take to end when the last link has been closed; then their tokens trip. Default 5 s.
func Grace(d time.Duration) Option { return func(o *options) { o.grace = d } }

// Door makes links to a Rust node of this process. The first Dial opens the node, with the program's Rust actors; it lives
// until the last of its links is closed. That returns when the node has ended: its actors have stopped, and messages that were
// left are dead letters, which its last log line counts. The next Dial opens a new node, of the same name. Two doors are two nodes: give each a Name of its own.
func Door(opts ...Option) door.Door {
	o := options{grace: 5 * time.Second}
	for _, set := range opts {
		set(&o)
	}
	return newDoor(o)
}
