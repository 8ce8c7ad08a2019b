package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// startTime is how long the Rust process may take until it listens.
	startTime = 10 * time.Second
	// endTime is how long it may take to end by itself; then it is killed.
	endTime = 8 * time.Second
	// maxSaid is how much of what it says last is kept for an error.
	maxSaid = 2 << 10
)

// child is the Rust node as a process of its own. It ends when its standard input is closed: by end, or by the system when
// this process is gone, whatever the reason.
type child struct {
	command *exec.Cmd
	stdin   io.Closer
	said    *tail
	ended   chan struct{} // closed once it has ended; then err is set
	err     error
	address string
}

// startChild starts the program and waits until it listens at a port that the system chose.
func startChild(ctx context.Context, program string) (*child, error) {
	command := exec.Command(program, "--node", rustNode, "--listen", "tcp://127.0.0.1:0", "--until-stdin-closes")
	// In a process group of its own: ^C ends this program, which then ends the child, in this order.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c := &child{command: command, said: &tail{}, ended: make(chan struct{})}
	command.Stderr = c.said
	stdin, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	c.stdin = stdin
	stdout, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("the Rust process does not start: %w; `make demo` builds it", err)
	}
	listening := make(chan string, 1)
	go c.watch(stdout, listening)
	timer := time.NewTimer(startTime)
	defer timer.Stop()
	select {
	case address, ok := <-listening:
		if ok {
			c.address = address
			return c, nil
		}
		err = errors.New("the Rust process said nothing of where it listens")
	case <-timer.C:
		err = fmt.Errorf("the Rust process did not listen within %v", startTime)
	case <-ctx.Done():
		return nil, errors.Join(context.Cause(ctx), c.end(endTime))
	}
	return nil, errors.Join(err, c.end(endTime))
}

// watch reads the address, drops what else the process prints, and waits for its end.
func (c *child) watch(stdout io.Reader, listening chan<- string) {
	lines := bufio.NewScanner(stdout) // a line is at most 64 KiB
	for lines.Scan() {
		if address, ok := strings.CutPrefix(lines.Text(), "listening "); ok {
			select {
			case listening <- address:
			default:
			}
		}
	}
	close(listening)
	_, _ = io.Copy(io.Discard, stdout)
	if err := c.command.Wait(); err != nil {
		c.err = fmt.Errorf("the Rust process ended: %w%s", err, c.said)
	}
	close(c.ended)
}

// endsWithin says whether it ends by itself.
func (c *child) endsWithin(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-c.ended:
		return true
	case <-timer.C:
		return false
	}
}

// obituary is why a run cannot go on after it has ended.
func (c *child) obituary() error {
	if c.err != nil {
		return c.err
	}
	return fmt.Errorf("the Rust process ended by itself%s", c.said)
}

// end ends the process, by force if it takes too long, and returns why it did not end well.
func (c *child) end(grace time.Duration) error {
	_ = c.stdin.Close()
	if c.endsWithin(grace) {
		return c.err
	}
	_ = c.command.Process.Kill()
	<-c.ended
	return fmt.Errorf("the Rust process did not end within %v and was killed%s", grace, c.said)
}

// tail keeps the end of what was written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p[max(0, len(p)-maxSaid):]...)
	t.text = t.text[max(0, len(t.text)-maxSaid):]
	return len(p), nil
}

// String is the text as the end of a sentence.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if text := strings.TrimSpace(string(t.text)); text != "" {
		return "; it said: " + text
	}
	return ""
}
