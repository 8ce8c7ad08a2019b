//go:build unix

package sidecar

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/actorbridge/actorbridge/go-client/door"
)

// pipeTime is how long a child's output is read after its end: a process that it started may hold it open.
const pipeTime = 500 * time.Millisecond

// child is the Rust process.
type child struct {
	program   string
	command   *exec.Cmd
	stdin     io.Closer
	log       *slog.Logger
	said      tail
	once      sync.Once
	listening chan struct{}
	// ended is closed when the process is gone and all that it wrote is read.
	ended chan struct{}
}

// start starts the program and waits until it listens at address.
func (d *sidecarDoor) start(ctx context.Context, address string) (*child, error) {
	arguments := []string{"--listen", address, "--until-stdin-closes"}
	if d.options.node != "" {
		arguments = append(arguments, "--node", d.options.node)
	}
	arguments = append(arguments, d.options.arguments...)
	c := &child{
		program: d.program, command: exec.Command(d.program, arguments...), log: door.Logger(ctx),
		listening: make(chan struct{}), ended: make(chan struct{}),
	}
	c.command.Env = append(c.command.Environ(), d.options.env...)
	// In a process group of its own: ^C ends this program, which then ends the child, in this order.
	c.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.command.WaitDelay = pipeTime
	stdout, stderr := &lines{each: c.printed}, &lines{each: c.complained}
	c.command.Stdout, c.command.Stderr = stdout, stderr
	var err error
	if c.stdin, err = c.command.StdinPipe(); err != nil {
		return nil, err
	}
	if err := c.command.Start(); err != nil {
		what := mend(err)
		err = fmt.Errorf("the sidecar cannot be started: %w%s", err, what)
		if what != "" { // the program is not one that can be started
			err = &door.SetupError{Err: err}
		}
		return nil, err
	}
	go func() {
		_ = c.command.Wait()
		stdout.flush()
		stderr.flush()
		close(c.ended)
	}()
	return c, c.awaitListening(ctx, d.options.startTime)
}

// mend says what to do about a program that does not start.
func mend(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, exec.ErrNotFound):
		return "; build the program first, or give sidecar.Door the path where it is"
	case errors.Is(err, fs.ErrPermission):
		return "; give sidecar.Door a program, and make it executable with chmod +x"
	case errors.Is(err, syscall.ENOEXEC):
		return "; give sidecar.Door a program that was built for this machine"
	}
	return ""
}

// awaitListening waits until the child listens. If it does not, it is gone when this returns.
func (c *child) awaitListening(ctx context.Context, limit time.Duration) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-c.listening:
		return nil
	case <-c.ended:
		return fmt.Errorf("%s before it listened; its main must be actorbridge::serve", c.obituary())
	case <-timer.C:
		c.end(0)
		return fmt.Errorf("the sidecar %s did not say in %v that it listens, and was killed%s; its main must be "+
			"actorbridge::serve, or give it more with sidecar.StartTime", c.program, limit, c.said.text())
	case <-ctx.Done():
		c.end(0)
		return ctx.Err()
	}
}

// printed takes a line of its standard output.
func (c *child) printed(line string) {
	if strings.HasPrefix(line, "listening ") {
		c.once.Do(func() { close(c.listening) })
		return
	}
	c.note(line)
}

// complained takes a line of its standard error.
func (c *child) complained(line string) {
	c.said.add(line)
	c.note(line)
}

func (c *child) note(line string) {
	c.log.Info(line, "sidecar", c.program, "pid", c.command.Process.Pid)
}

// obituary is how it ended; for after that.
func (c *child) obituary() string {
	return fmt.Sprintf("the sidecar %s ended (%v)%s", c.program, c.command.ProcessState, c.said.text())
}

// end ends the child, by force if it takes longer than grace, and returns when it is gone.
func (c *child) end(grace time.Duration) {
	_ = c.stdin.Close()
	_ = c.command.Process.Signal(syscall.SIGTERM)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-c.ended:
	case <-timer.C:
		c.log.Warn("the sidecar did not end in time, and is killed", "sidecar", c.program, "grace", grace)
		_ = c.command.Process.Kill()
		<-c.ended
	}
}
