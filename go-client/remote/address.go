package remote

import (
	"errors"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// An Option changes how a door or a server behaves.
type Option func(*options)

type options struct {
	plainTCPBeyondLoopback bool
	maxFrameBytes          int
	setUpTime              time.Duration
	maxConnections         int
	once                   bool
	tls                    *tlsSource
}

// PlainTCPBeyondLoopback allows TCP without TLS to and from other machines. Anyone on the way can then read and forge
// messages.
func PlainTCPBeyondLoopback() Option {
	return func(o *options) { o.plainTCPBeyondLoopback = true }
}

// MaxFrameBytes is the size above which a frame ends its link, before it is copied or read. Default 256 KiB, at most 4 MiB,
// which gRPC holds to.
func MaxFrameBytes(n int) Option {
	return func(o *options) { o.maxFrameBytes = min(n, wire.MaxFrameBytes) }
}

// SetUpTime is how long a connection to a server may be without a link, for all handshakes together. Default 10 s.
func SetUpTime(d time.Duration) Option {
	return func(o *options) { o.setUpTime = d }
}

// MaxConnections is the most connections that a server has. Those beyond it are closed at once. Default 1,024.
func MaxConnections(n int) Option {
	return func(o *options) { o.maxConnections = n }
}

// Once is for a door: a link that is lost is not dialled again.
func Once() Option {
	return func(o *options) { o.once = true }
}

func optionsOf(opts []Option) options {
	o := options{maxFrameBytes: 256 << 10, setUpTime: 10 * time.Second, maxConnections: 1_024}
	for _, set := range opts {
		set(&o)
	}
	return o
}

// An address is what net.Dial and net.Listen take, and whether it is with TLS.
type address struct {
	network, address string
	tls              bool
}

func parseAddress(text string, o options) (address, error) {
	if path, ok := strings.CutPrefix(text, "unix://"); ok {
		if !strings.HasPrefix(path, "/") {
			return address{}, errors.New("a Unix socket's path must be absolute, as in unix:///run/shop.sock")
		}
		return address{network: "unix", address: path}, nil
	}
	hostPort, secure := strings.CutPrefix(text, "grpcs://")
	if !secure {
		var plain bool
		if hostPort, plain = strings.CutPrefix(text, "tcp://"); !plain {
			return address{}, errors.New("an address begins with tcp://, grpcs:// or unix:///")
		}
	}
	host, port, err := net.SplitHostPort(hostPort)
	if _, portErr := strconv.ParseUint(port, 10, 16); err != nil || portErr != nil || host == "" {
		return address{}, errors.New("a TCP address has a host and a port, as in tcp://127.0.0.1:7443 or grpcs://rust-core:7443")
	}
	switch {
	case secure && o.tls == nil:
		return address{}, errors.New(
			"grpcs:// needs a certificate, its key and a CA: use remote.TLSFiles, or tcp:// on this machine")
	case secure:
		return address{network: "tcp", address: hostPort, tls: true}, nil
	case o.tls != nil:
		return address{}, errors.New("tcp:// is without TLS, and files for TLS are given: use grpcs://, or give none")
	}
	if ip := net.ParseIP(host); !o.plainTCPBeyondLoopback && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return address{}, errors.New(
			"TCP without TLS is for this machine only; use grpcs://, or remote.PlainTCPBeyondLoopback if the network is trusted")
	}
	return address{network: "tcp", address: hostPort}, nil
}
