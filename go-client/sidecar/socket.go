//go:build unix

package sidecar

import (
	"fmt"
	"os"
	"path/filepath"
)

// maxFolder is the longest folder for temporary files that is used: a socket's path has at most 103 bytes on macOS.
const maxFolder = 80

// socket is where a child listens.
type socket struct{ folder string }

// newSocket makes a folder that only this user may enter.
func newSocket() (socket, error) {
	parent, err := filepath.Abs(os.TempDir())
	if err != nil || len(parent) > maxFolder {
		parent = "/tmp"
	}
	folder, err := os.MkdirTemp(parent, "ab-")
	if err != nil {
		return socket{}, fmt.Errorf("no folder for the socket can be made: %w", err)
	}
	return socket{folder}, nil
}

func (s socket) address() string { return "unix://" + filepath.Join(s.folder, "link") }
