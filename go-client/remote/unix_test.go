//go:build unix

package remote

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// refusesToListen: the path is in use, listenUnix says why and leaves what is there alone.
func refusesToListen(t *testing.T, path, why string) {
	t.Helper()
	before, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = listenUnix(path); !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), why) {
		t.Errorf("it says %v", err)
	}
	if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
		t.Errorf("what was there is not there any more: %v", err)
	}
}

func TestWhatIsNoSocketIsNotRemoved(t *testing.T) {
	folder := t.TempDir()
	file, link := filepath.Join(folder, "file"), filepath.Join(folder, "link")
	if err := errors.Join(os.WriteFile(file, []byte("dear to somebody"), 0o600), os.Symlink(file, link)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{folder, file, link} {
		refusesToListen(t, path, "what is there is no socket: move it away")
	}
}

func TestASocketThatSomebodyListensOnIsNotRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	listener, err := listenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	refusesToListen(t, path, "somebody listens there: end that first")
}
