//go:build cgo && unix

package native

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/actorbridge/actorbridge/go-client/native/internal/foreign"
)

const stormVariable = "ACTORBRIDGE_TEST_SIGNAL_STORM"

func TestMain(m *testing.M) {
	if guarded := os.Getenv(stormVariable); guarded != "" {
		if err := storm(guarded == "guarded"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// storm has a library's signal handler in front of Go's while many children end.
func storm(guarded bool) error {
	if err := foreign.Handle(syscall.SIGCHLD); err != nil {
		return err
	}
	if guarded {
		node, err := options{}.open() // guards at once, and again as long as it is open
		if err != nil {
			return err
		}
		defer closeNode(node)
	}
	for range 50 {
		if err := syscall.Kill(os.Getpid(), syscall.SIGCHLD); err != nil {
			return err
		}
		if err := exec.Command("true").Run(); err != nil {
			return err
		}
	}
	return nil
}

func TestAForeignSignalHandlerDoesNotEndAGoProgramWithARustNode(t *testing.T) {
	run := func(how string) (string, error) {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), stormVariable+"="+how)
		cmd.WaitDelay = 20 * time.Second
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		err := cmd.Run()
		return out.String(), err
	}
	if out, err := run("guarded"); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	// The fault is real: without a node, and so without its guard, the same program ends.
	if out, err := run("unguarded"); err == nil || !bytes.Contains([]byte(out), []byte("SA_ONSTACK")) {
		t.Errorf("without the guard: %v: %s", err, out)
	}
}
