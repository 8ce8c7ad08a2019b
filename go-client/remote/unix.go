package remote

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"
)

// connectTime is how long the one who listens at a Unix socket may take to show it.
const connectTime = time.Second

// socketBuffer is what the kernel is asked to keep of what is written to a Unix socket and not read, in bytes. By default that is 208 KiB
// (net.core.wmem_default), and it does not grow, as it does for TCP. With more, tells of 1 KiB take a tenth less time.
const socketBuffer = 1 << 20

// roomy has the kernel keep more of what is written to a Unix socket, as far as net.core.wmem_max allows. A connection with less room is
// slower, and that is all.
func roomy(conn net.Conn) net.Conn {
	if socket, ok := conn.(*net.UnixConn); ok {
		_ = socket.SetWriteBuffer(socketBuffer)
	}
	return conn
}

// dialUnix dials a path for gRPC, which has its own name for it.
func dialUnix(path string) func(context.Context, string) (net.Conn, error) {
	return func(ctx context.Context, _ string) (net.Conn, error) {
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, "unix", path)
		if err != nil {
			return nil, err
		}
		return roomy(conn), nil
	}
}

// listenUnix listens at a path. A socket that nobody listens on any more is replaced, and nothing else.
func listenUnix(path string) (net.Listener, error) {
	listener, err := net.Listen("unix", path)
	if !errors.Is(err, syscall.EADDRINUSE) {
		return listener, err
	}
	if why := inTheWay(path); why != "" {
		return nil, fmt.Errorf("%w; %s", err, why)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("a socket that nobody listens on cannot be replaced: %w", err)
	}
	return net.Listen("unix", path)
}

// inTheWay says what is at a path that must not be removed, and what to do; empty: a socket that nobody listens on, or nothing any more.
func inTheWay(path string) string {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ""
	case err != nil:
		return "what is there cannot be told: " + err.Error()
	case info.Mode().Type() != fs.ModeSocket:
		return "what is there is no socket: move it away, or listen at another path"
	}
	ctx, cancel := context.WithTimeout(context.Background(), connectTime)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		_ = conn.Close()
		return "somebody listens there: end that first, or listen at another path"
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, fs.ErrNotExist):
		return ""
	}
	return "whether somebody listens there cannot be told (" + err.Error() +
		"): remove the socket if nobody does, or listen at another path"
}
