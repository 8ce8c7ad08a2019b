package actorbridge_test

import (
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/remote"
)

// A small frame must not wait for the answer to the one before.
func TestBothEndsOfALinkSendSmallFramesAtOnce(t *testing.T) {
	_, f := twoBy(t, "one")
	for address, options := range map[string]func(name string) []remote.Option{
		"tcp://127.0.0.1:0":   func(string) []remote.Option { return nil },
		"grpcs://127.0.0.1:0": func(name string) []remote.Option { return []remote.Option{remote.TLSFiles(f.files(name))} },
	} {
		t.Run(address, func(t *testing.T) {
			var server *remote.Server
			t.Cleanup(func() { server.Close() })
			server, err := remote.Listen(start(t, "b"), address, options("b")...)
			must(t, err)
			start(t, "a", ab.WithLink(remote.Door(server.Addr(), options("a")...)))
			_, at, _ := strings.Cut(server.Addr(), "://")
			sockets := connected(t, netip.MustParseAddrPort(at).Port())
			if len(sockets) != 2 {
				t.Fatalf("%d sockets are connected, and a link has two", len(sockets))
			}
			for _, socket := range sockets {
				at, err := syscall.GetsockoptInt(socket, syscall.IPPROTO_TCP, syscall.TCP_NODELAY)
				if err != nil || at == 0 {
					t.Errorf("TCP_NODELAY of socket %d is %d, %v", socket, at, err)
				}
			}
		})
	}
}

// connected are this process's sockets that are connected with this port at one of their ends.
func connected(t *testing.T, port uint16) (sockets []int) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	for _, entry := range entries {
		socket, err := strconv.Atoi(entry.Name())
		must(t, err)
		// What is no socket, or is not connected, has no peer.
		peer, err := syscall.Getpeername(socket)
		if err != nil {
			continue
		}
		own, err := syscall.Getsockname(socket)
		if err == nil && (portOf(peer) == port || portOf(own) == port) {
			sockets = append(sockets, socket)
		}
	}
	return sockets
}

func portOf(at syscall.Sockaddr) uint16 {
	switch at := at.(type) {
	case *syscall.SockaddrInet4:
		return uint16(at.Port)
	case *syscall.SockaddrInet6:
		return uint16(at.Port)
	}
	return 0
}
