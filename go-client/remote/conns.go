package remote

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/credentials"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

// conns is a listener whose connections are counted, and must become links.
type conns struct {
	net.Listener
	most      int
	setUpTime time.Duration
	refusals  *refusals
	open      atomic.Int64
}

// Accept implements net.Listener. Connections beyond the most are closed at once.
func (c *conns) Accept() (net.Conn, error) {
	for {
		raw, err := c.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c.open.Add(1) <= int64(c.most) {
			conn := &conn{Conn: roomy(raw), of: c}
			conn.patience = time.AfterFunc(c.setUpTime, conn.runOut)
			return conn, nil
		}
		c.open.Add(-1)
		c.refusals.add(nameOf(raw), pb.RefusalReason_REFUSAL_REASON_TOO_MANY_CONNECTIONS,
			fmt.Sprintf("there are %d connections already", c.most))
		_ = raw.Close()
	}
}

// conn is a connection that came in.
type conn struct {
	net.Conn
	of       *conns
	patience *time.Timer
	once     sync.Once

	mu    sync.Mutex
	links int
	// accountedFor: it has carried a link, or its refusal has been told; shaking: its TLS handshake, which closes it where it
	// fails, will tell.
	accountedFor, shaking bool
}

// runOut ends a connection that carries no link.
func (c *conn) runOut() {
	c.mu.Lock()
	idle := c.links == 0
	c.mu.Unlock()
	if idle {
		c.refuse(pb.RefusalReason_REFUSAL_REASON_SLOW_HANDSHAKE, fmt.Sprintf("it carried no link for %v", c.of.setUpTime))
		_ = c.Close()
	}
}

// refuse tells why the connection is of no use, once.
func (c *conn) refuse(reason pb.RefusalReason, why string) {
	c.mu.Lock()
	told := c.accountedFor
	c.accountedFor = true
	c.mu.Unlock()
	if !told {
		c.of.refusals.add(nameOf(c.Conn), reason, why)
	}
}

// endFor closes the connection, whatever it carries, and tells why.
func (c *conn) endFor(reason pb.RefusalReason, why string) {
	c.mu.Lock()
	c.accountedFor = true
	c.mu.Unlock()
	c.of.refusals.add(nameOf(c.Conn), reason, why)
	_ = c.Close()
}

// carried is a link of a connection, which counts from its first packet to its end.
type carried struct {
	by           *conn
	began, ended bool
}

func (c *carried) begin() {
	c.by.mu.Lock()
	defer c.by.mu.Unlock()
	if c.ended {
		return
	}
	c.began, c.by.accountedFor = true, true
	c.by.links++
	c.by.patience.Stop()
}

func (c *carried) end() {
	c.by.mu.Lock()
	defer c.by.mu.Unlock()
	c.ended = true
	if !c.began {
		return
	}
	if c.by.links--; c.by.links == 0 {
		c.by.patience.Reset(c.by.of.setUpTime)
	}
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.once.Do(func() {
		c.mu.Lock()
		shaking := c.shaking
		c.mu.Unlock()
		if !shaking {
			c.refuse(pb.RefusalReason_REFUSAL_REASON_NO_LINK, "it ended before it carried a link")
		}
		c.patience.Stop()
		c.of.open.Add(-1)
	})
	return c.Conn.Close()
}

// shake says that a TLS handshake begins, or is over.
func (c *conn) shake(now bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shaking = now
}

// nameOf says from where a connection is.
func nameOf(raw net.Conn) string {
	if raw.RemoteAddr().Network() == "unix" {
		return "a Unix socket"
	}
	return raw.RemoteAddr().String()
}

// via is what a stream knows of its connection.
type via struct {
	credentials.AuthInfo
	conn *conn
}
