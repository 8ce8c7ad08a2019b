package actorbridge_test

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	"github.com/actorbridge/actorbridge/go-client/door"
	actorbridgev1 "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
	"github.com/actorbridge/actorbridge/go-client/remote"
)

// Peers that keep no rule, by real connections: each costs itself, the log says so, and the link of an innocent goes on.

// soon is how long a connection may be without a link.
const soon = 200 * time.Millisecond

// besieged is a node named b that listens, with an innocent peer named a.
type besieged struct {
	innocent, there *ab.Node
	address         string
	log             *warnings
	echo            ab.Ref
}

func besiege(t *testing.T, address string, options ...remote.Option) *besieged {
	t.Helper()
	var server *remote.Server
	t.Cleanup(func() { server.Close() })
	s := &besieged{log: new(warnings)}
	s.there = start(t, "b", s.log.logger())
	spawn(t, s.there, "echo")
	server, err := remote.Listen(s.there, address, options...)
	must(t, err)
	s.address = server.Addr()
	if strings.HasPrefix(address, "tcp") {
		s.innocent = start(t, "a", ab.WithLink(remote.Door(s.address)))
		s.echo = refOf(t, s.innocent, "ab:///echo")
	}
	return s
}

// says: the log of b says this, b has counted it so many times, and the innocent link works.
func (s *besieged) says(t *testing.T, what string, reason string, n uint64) {
	t.Helper()
	s.log.has(t, what)
	counted := uint64(0)
	for _, r := range s.there.Status(nil).Refusals {
		if r.Reason.String() == "REFUSAL_REASON_"+reason {
			counted = r.Count
		}
	}
	if counted != n {
		t.Errorf("%d are counted as %s", counted, reason)
	}
	if s.innocent != nil {
		if _, err := ab.Ask[*testpb.EchoReply](t.Context(), s.echo, &testpb.EchoRequest{}); err != nil {
			t.Errorf("the innocent is hurt: %v", err)
		}
	}
}

// socket is a connection to where b listens, that has sent some bytes.
func (s *besieged) socket(t *testing.T, bytes string) net.Conn {
	t.Helper()
	_, at, _ := strings.Cut(s.address, "://")
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", at)
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	_, err = io.WriteString(conn, bytes)
	must(t, err)
	return conn
}

// closed waits until b closes the connection, whatever it sends before.
func closed(t *testing.T, conn net.Conn) {
	t.Helper()
	must(t, conn.SetReadDeadline(time.Now().Add(long)))
	if _, err := io.Copy(io.Discard, conn); errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
		t.Fatal("it is not closed")
	}
}

func isTimeout(err error) bool {
	var late net.Error
	return errors.As(err, &late) && late.Timeout()
}

// silent dials b, and says no Hello.
func (s *besieged) silent(t *testing.T) door.Link {
	t.Helper()
	link, err := remote.Door(s.address).Dial(t.Context())
	must(t, err)
	t.Cleanup(func() { link.Close() })
	return link
}

// over waits until b ends the link.
func over(t *testing.T, link door.Link) {
	t.Helper()
	end := make(chan error, 1)
	go func() {
		var err error
		for err == nil {
			_, err = link.Recv()
		}
		end <- err
	}()
	receive(t, "the end of the link", end)
}

func TestAConnectionThatBecomesNoLinkIsClosedInTime(t *testing.T) {
	for name, bytes := range map[string]string{
		"silent": "", "slow": "PRI * HTTP/2.0\r\n", "without a call": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
	} {
		s := besiege(t, "tcp://127.0.0.1:0", remote.SetUpTime(soon))
		closed(t, s.socket(t, bytes))
		t.Log(name)
		s.says(t, "it carried no link for 200ms", "SLOW_HANDSHAKE", 1)
	}
	s := besiege(t, "tcp://127.0.0.1:0", remote.SetUpTime(soon))
	over(t, s.silent(t))
	s.says(t, "it carried no link for 200ms", "SLOW_HANDSHAKE", 1)
}

func TestATLSHandshakeThatDoesNotComeIsNotWaitedFor(t *testing.T) {
	_, f := twoBy(t, "one")
	s := besiege(t, nowhere, remote.SetUpTime(soon), remote.TLSFiles(f.files("b")))
	closed(t, s.socket(t, "\x16\x03\x01\x02\x00\x01"))
	s.says(t, "it carried no link for 200ms", "SLOW_HANDSHAKE", 1)
}

func TestAConnectionThatEndsEarlyIsTold(t *testing.T) {
	s := besiege(t, "tcp://127.0.0.1:0")
	s.socket(t, "").Close()
	s.says(t, "it ended before it carried a link", "NO_LINK", 1)
	s = besiege(t, "tcp://127.0.0.1:0")
	closed(t, s.socket(t, strings.Repeat("\xfe", 4096)))
	s.says(t, "it ended before it carried a link", "NO_LINK", 1)
}

func TestConnectionsBeyondTheBoundAreClosedAtOnceAndAPlaceIsFreeAgain(t *testing.T) {
	s := besiege(t, "tcp://127.0.0.1:0", remote.MaxConnections(4))
	held := []door.Link{s.silent(t), s.silent(t), s.silent(t)}
	closed(t, s.socket(t, ""))
	s.says(t, "there are 4 connections already", "TOO_MANY_CONNECTIONS", 1)
	for _, link := range held {
		link.Close()
	}
	late := start(t, "late")
	eventually(t, "a place", func() bool {
		_, err := late.Dial(t.Context(), remote.Door(s.address))
		return err == nil
	})
}

func TestAFirstFrameThatIsRefusedIsCountedOnce(t *testing.T) {
	for name, bytes := range map[string]int{"over this node's limit": 300 << 10, "over that of the protocol": 5 << 20} {
		t.Run(name, func(t *testing.T) {
			s := besiege(t, "tcp://127.0.0.1:0", remote.MaxConnections(2))
			first := strange(t, s.address)
			first.says(padded(bytes))
			for receive(t, "the end of the stream", first.came) != nil {
			}
			first.link.Close()
			late := start(t, "late")
			eventually(t, "its place", func() bool {
				_, err := late.Dial(t.Context(), remote.Door(s.address))
				return err == nil
			})
			counted := make(map[string]uint64)
			for _, r := range s.there.Status(nil).Refusals {
				counted[strings.TrimPrefix(r.Reason.String(), "REFUSAL_REASON_")] = r.Count
			}
			if counted["OVERSIZED_FRAME"] != 1 || counted["NO_LINK"] != 0 || counted["SLOW_HANDSHAKE"] != 0 {
				t.Errorf("it is counted as %v", counted)
			}
		})
	}
}

func TestAFloodOfStreamsCostsItsLink(t *testing.T) {
	s := besiege(t, "tcp://127.0.0.1:0")
	link := s.silent(t)
	head := hello(1, 1)
	prefix := wire.NewWho("", "ab:///nobody", "ab://stranger/system").Bytes
	for flow := uint32(0); flow < 66_000; {
		head.Number++
		for range 1_000 {
			flow++
			head.Open = append(head.Open, &actorbridgev1.StreamOpen{
				Flow: flow, Stream: uint64(flow), Mode: actorbridgev1.Mode_MODE_FLOW, Prefix: prefix, FirstSeq: 1,
			})
		}
		if link.Send(&wire.Packet{Head: head}) != nil {
			break
		}
		head = &actorbridgev1.Frame{Number: head.Number}
	}
	s.says(t, "flow 65537 is open already, or over the limit", "BAD_FRAME", 1)
	if peers := s.there.Peers(); !slices.Equal(peers, []string{"a"}) {
		t.Errorf("b is linked with %v", peers)
	}
}

func TestAPeerThatNeverReadsLosesItsLink(t *testing.T) {
	s := besiege(t, "tcp://127.0.0.1:0")
	link := s.silent(t)
	head := hello(1, 1)
	head.Open = []*actorbridgev1.StreamOpen{{
		Flow: 1, Stream: 1, Mode: actorbridgev1.Mode_MODE_FLOW, FirstSeq: 1,
		Prefix: wire.NewWho("", "ab:///echo", "ab://stranger/system").Bytes,
	}}
	// Each of them is refused, and the refusals wait for a reader.
	run := wire.Run{Flow: 1, FirstSeq: 1, Items: make([]wire.Item, 4_000)}
	for run.FirstSeq < 4_000_000 {
		head.Number++
		if link.Send(&wire.Packet{Head: head, Runs: []wire.Run{run}}) != nil {
			break
		}
		run.FirstSeq += 4_000
		head = &actorbridgev1.Frame{Number: head.Number}
	}
	s.says(t, "refusals wait; the peer sends and does not read", "NEVER_READS", 1)
	if peers := s.there.Peers(); !slices.Equal(peers, []string{"a"}) {
		t.Errorf("b is linked with %v", peers)
	}
}

// The end of such a link cannot be told to its peer. Its connection must not stay, nor what waits for it.
func TestALinkWhosePeerStoppedReadingGivesItsConnectionUp(t *testing.T) {
	s := besiege(t, "tcp://127.0.0.1:0", remote.MaxConnections(2), remote.SetUpTime(soon))
	spawnFunc(t, s.there, "large", func(_ ab.Context, m *ab.Message) error {
		return m.Reply(&testpb.EchoReply{Data: make([]byte, 1<<20)})
	})
	link := s.silent(t)
	head := hello(1, 1)
	head.Number = 1
	head.Hello.Capabilities = []uint32{uint32(actorbridgev1.Capability_CAPABILITY_FRAGMENTS)}
	head.Open = []*actorbridgev1.StreamOpen{{
		Flow: 1, Stream: 1, Mode: actorbridgev1.Mode_MODE_FLOW, FirstSeq: 1,
		Prefix: wire.NewWho("", "ab:///large", "ab://stranger/system").Bytes,
	}}
	run := wire.Run{Flow: 1, FirstSeq: 1}
	for n := range uint64(16) {
		run.Items = append(run.Items, wire.Item{Body: asking(n+1, &testpb.EchoRequest{}, nil)})
	}
	must(t, link.Send(&wire.Packet{Head: head, Runs: []wire.Run{run}}))
	const window = 4 << 20
	eventually(t, "a full window", func() bool {
		traffic := s.there.Status(nil).Traffic
		return slices.ContainsFunc(traffic, func(to *actorbridgev1.Traffic) bool {
			return to.Peer == "stranger" && to.BytesSent > window-128<<10
		})
	})
	must(t, link.Send(&wire.Packet{Head: &actorbridgev1.Frame{Number: 2, Fragment: []*actorbridgev1.Fragment{{Seq: 1}}}}))
	s.says(t, "a Fragment ends at 0 of 0 bytes, or is empty", "BAD_FRAME", 1)
	late := start(t, "late")
	eventually(t, "its place", func() bool {
		_, err := late.Dial(t.Context(), remote.Door(s.address))
		return err == nil
	})
}

func TestASecondNodeOfALinkedNameIsRefusedAndTheFirstStays(t *testing.T) {
	s := besiege(t, "tcp://127.0.0.1:0")
	const says = "node a is linked with b already, and this is another of that name; give each its own name"
	_, err := start(t, "a").Dial(t.Context(), remote.Door(s.address))
	if !errors.Is(err, ab.ErrUnavailable) || !strings.Contains(err.Error(), says) {
		t.Errorf("another a is %v", err)
	}
	s.says(t, says, "DUPLICATE_NAME", 1)
}

func TestAPeerThatSaysNothingAfterTheHandshakeLosesItsLinkAndHearsWhy(t *testing.T) {
	t.Parallel() // it waits for pings most of the time
	s := besiege(t, "tcp://127.0.0.1:0")
	silent := strange(t, s.address)
	silent.greets()
	const says = "the peer answered no ping three times in a row"
	s.says(t, says, "SILENT", 1)
	silent.goodbye(says)
	if peers := s.there.Peers(); !slices.Equal(peers, []string{"a"}) {
		t.Errorf("b is linked with %v", peers)
	}
}

func TestAPeerOfAnotherVersionIsRefusedAndHearsWhy(t *testing.T) {
	s := besiege(t, "tcp://127.0.0.1:0")
	future := strange(t, s.address)
	future.says(hello(7, 9))
	const says = "no protocol version in common: stranger speaks 7 to 9, b speaks 1 to 1"
	if said := future.goodbye(says); said.Code != actorbridgev1.GoodbyeCode_GOODBYE_VERSION {
		t.Errorf("the Goodbye has the code %v", said.Code)
	}
	s.says(t, says, "INCOMPATIBLE", 1)
}
