package meter

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// A Peer is the process at the other end: it says in its first line of output where it listens, as JSON, and ends when its input
// does.
type Peer struct {
	command *exec.Cmd
	stdin   io.Closer
}

// StartPeer starts a program, and reads into where what it says of where it listens.
func StartPeer(where any, program string, arguments ...string) (*Peer, error) {
	command := exec.Command(program, arguments...)
	command.Stderr = os.Stderr
	stdin, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	p := &Peer{command, stdin}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err == nil {
		err = json.NewDecoder(strings.NewReader(line)).Decode(where)
	}
	if err != nil {
		p.End()
		return nil, fmt.Errorf("%s did not say where it listens: %w", program, err)
	}
	return p, nil
}

// PID is its process.
func (p *Peer) PID() int { return p.command.Process.Pid }

// End ends it, and waits for that.
func (p *Peer) End() {
	_ = p.stdin.Close()
	_ = p.command.Wait()
}

// Listening is what a peer calls: it says where it listens, and returns when its input has ended.
func Listening(where any) error {
	if err := json.NewEncoder(os.Stdout).Encode(where); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}
