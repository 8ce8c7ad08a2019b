package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/actorbridge/actorbridge/bench/go/meter"
)

// bareTCP is a socket by hand: messages behind their lengths, and 64 bytes back and forth.
func bareTCP(address string) []meter.Case {
	took := new(meter.Times)
	tell := func(size int) func(context.Context, int) error {
		return func(ctx context.Context, n int) error { return tellTCP(ctx, address, n, size) }
	}
	return []meter.Case{
		{Name: "bare_tcp_64", Run: tell(64)},
		{Name: "bare_tcp_1024", Run: tell(1024)},
		{Name: "bare_tcp_ask", Run: func(ctx context.Context, n int) error { return askTCP(ctx, address, n, took) }, Times: took},
	}
}

// dialTCP connects, and says what is wanted: c = count until the end, e = give back.
func dialTCP(ctx context.Context, address string, what byte) (*net.TCPConn, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	_, err = conn.Write([]byte{what})
	return conn.(*net.TCPConn), err
}

func tellTCP(ctx context.Context, address string, n, size int) error {
	conn, err := dialTCP(ctx, address, 'c')
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	out := bufio.NewWriterSize(conn, 64<<10)
	message := make([]byte, size)
	head := appendMessage(nil, message)[:4]
	for range n {
		if _, err := out.Write(head); err != nil {
			return err
		}
		if _, err := out.Write(message); err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if err := conn.CloseWrite(); err != nil {
		return err
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		return err
	}
	return checkTally(answer, n)
}

func askTCP(ctx context.Context, address string, n int, times *meter.Times) error {
	conn, err := dialTCP(ctx, address, 'e')
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	message := make([]byte, 64)
	for range n {
		start := time.Now()
		if _, err := conn.Write(message); err != nil {
			return err
		}
		if _, err := io.ReadFull(conn, message); err != nil {
			return err
		}
		times.Add(time.Since(start))
	}
	return nil
}

// counter passes one connection on, and counts what goes to the other end.
type counter struct {
	address string
	sent    atomic.Int64
}

func newCounter(to string) (*counter, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &counter{address: listener.Addr().String()}
	go func() {
		defer func() { _ = listener.Close() }()
		from, err := listener.Accept()
		if err != nil {
			return
		}
		onward, err := net.Dial("tcp", to)
		if err != nil {
			_ = from.Close()
			return
		}
		go pass(from, onward, new(atomic.Int64))
		pass(onward, from, &c.sent)
	}()
	return c, nil
}

// pass copies until one side ends, and then ends the other.
func pass(to io.WriteCloser, from io.Reader, count *atomic.Int64) {
	defer func() { _ = to.Close() }()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		count.Add(int64(n))
		if err != nil {
			return
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}
