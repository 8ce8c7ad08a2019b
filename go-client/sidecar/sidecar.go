//go:build unix

// Package sidecar is the door to a Rust node in a child process: the same Rust actors as behind the native door, without
// cgo, and in a process of their own, which may crash without taking the Go program along.
//
// The program is one whose main is actorbridge::serve(module()). The door starts it, and joins the nodes over a Unix socket
// that nobody else can reach: it is in a folder of the user's own, and is removed as soon as the link is there.
//
// The child ends with the link: when the node shuts down or disconnects, by SIGTERM, and after a grace time by SIGKILL. It
// also ends when this process is gone, however that came, because its standard input is closed then. A child that dies is
// started again, within a limit, and the link is made anew. What was in flight is reported as for any link that goes down;
// what is sent meanwhile fails with UNAVAILABLE, effect NONE. State that the actors had is gone.
//
// What the child writes, line by line, goes to the log of the node that dialled.
package sidecar

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/actorbridge/actorbridge/go-client/door"
	"github.com/actorbridge/actorbridge/go-client/internal/machine"
	"github.com/actorbridge/actorbridge/go-client/remote"
)

// An Option changes how the program is started, ended and started again.
type Option func(*options)

type options struct {
	node      string
	arguments []string
	env       []string
	startTime time.Duration
	grace     time.Duration
	restarts  uint32
	window    time.Duration
}

// Node is the Rust node's name, which must differ from the Go node's. Default: the name of the Rust module.
func Node(name string) Option { return func(o *options) { o.node = name } }

// Arguments adds to what the program is started with, such as "--codec", "json"; its --help lists all. The door itself says where it
// listens and how it ends.
func Arguments(arguments ...string) Option {
	return func(o *options) { o.arguments = append(o.arguments, arguments...) }
}

// Env adds to the child's environment, each as "NAME=value". It has this process's environment besides.
func Env(variables ...string) Option {
	return func(o *options) { o.env = append(o.env, variables...) }
}

// StartTime is how long the child may take until it listens; then it is killed. Default 10 s.
func StartTime(d time.Duration) Option { return func(o *options) { o.startTime = d } }

// Grace is how long the child may take to end by itself after its SIGTERM; then it is killed. Default 3 s, so that a
// [actorbridge.Node.Shutdown] without a deadline sees the end.
func Grace(d time.Duration) Option { return func(o *options) { o.grace = d } }

// Restarts is how often a child that died is started again in any window of that time. Beyond that the link stays down, and
// what is sent to its actors fails with UNAVAILABLE and the last words of the child. Default 3 in a minute; 0 = never.
func Restarts(n uint32, window time.Duration) Option {
	return func(o *options) { o.restarts, o.window = n, window }
}

// Door makes a link to the Rust node that program runs: a path such as "./shop-rust", or a name that is looked for in PATH.
// Each Dial starts a child. A door has one link at a time: give each node a door of its own.
func Door(program string, opts ...Option) door.Redialer {
	o := options{startTime: 10 * time.Second, grace: 3 * time.Second, restarts: 3, window: time.Minute}
	for _, set := range opts {
		set(&o)
	}
	return &sidecarDoor{program: program, options: o, free: make(chan struct{}, 1), began: time.Now()}
}

type sidecarDoor struct {
	program string
	options options
	began   time.Time
	// free has a token while there is a child; what is below belongs to who put it there.
	free     chan struct{}
	restarts *machine.Supervisor
	lastEnd  string
}

// String implements door.Door.
func (d *sidecarDoor) String() string { return "sidecar:" + d.program }

// Dial implements door.Door. It fails if the program cannot be started, ends at once or does not listen in time, and says
// what it wrote last.
func (d *sidecarDoor) Dial(ctx context.Context) (door.Link, error) {
	if err := d.take(ctx); err != nil {
		return nil, err
	}
	d.restarts = machine.OneForOne(d.options.restarts, uint64(d.options.window.Milliseconds()))
	return d.open(ctx)
}

// Redial implements door.Redialer.
func (d *sidecarDoor) Redial(ctx context.Context) (door.Link, error) {
	if err := d.take(ctx); err != nil {
		return nil, err
	}
	if d.restarts.Panicked(uint64(time.Since(d.began).Milliseconds())) == machine.Stop {
		<-d.free
		return nil, fmt.Errorf("%s was started again %d times in %v, and %w: %s",
			d.program, d.options.restarts, d.options.window, door.ErrGivenUp, d.lastEnd)
	}
	return d.open(ctx)
}

// take waits for the end of the door's earlier child.
func (d *sidecarDoor) take(ctx context.Context) error {
	timer := time.NewTimer(d.options.startTime)
	defer timer.Stop()
	select {
	case d.free <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return errors.New("this door has a link already; give each node a door of its own")
	}
}

// open starts a child and dials it. When there is no link at the end, there is no child either.
func (d *sidecarDoor) open(ctx context.Context) (door.Link, error) {
	l, err := d.tryOpen(ctx)
	if err != nil {
		d.lastEnd = err.Error()
		<-d.free
		return nil, err
	}
	return l, nil
}

func (d *sidecarDoor) tryOpen(ctx context.Context) (door.Link, error) {
	socket, err := newSocket()
	if err != nil {
		return nil, err
	}
	// The link is one connection: once it is there, nobody needs the socket, also if this process ends badly.
	defer os.RemoveAll(socket.folder)
	c, err := d.start(ctx, socket.address())
	if err != nil {
		return nil, err
	}
	l, err := remote.Door(socket.address()).Dial(ctx)
	if err != nil {
		c.end(d.options.grace)
		return nil, fmt.Errorf("%w; %s", err, c.obituary())
	}
	return &link{Link: l, child: c, door: d}, nil
}
