package remote

import (
	"errors"
	"net"
	"path/filepath"
	"syscall"
	"testing"
)

// Other systems say of a busy listener what they say of none.

func TestASocketWhoseListenerIsBusyIsNotRemovedAndOneWithoutAnyIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	socket, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		err = errors.Join(syscall.Bind(socket, &syscall.SockaddrUnix{Name: path}), syscall.Listen(socket, 1))
	}
	if err != nil {
		t.Fatal(err)
	}
	var dialer net.Dialer
	for { // until as many wait as may
		conn, err := dialer.DialContext(t.Context(), "unix", path)
		if errors.Is(err, syscall.EAGAIN) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	refusesToListen(t, path, "whether somebody listens there cannot be told")
	if err := syscall.Close(socket); err != nil {
		t.Fatal(err)
	}
	listener, err := listenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
}
