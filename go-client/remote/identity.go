package remote

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"google.golang.org/grpc/credentials"

	"github.com/actorbridge/actorbridge/go-client/door"
	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

// identityOf reads a certificate that has been verified.
func identityOf(certificate *x509.Certificate) *door.Identity {
	identity := new(door.Identity)
	for _, uri := range certificate.URIs {
		switch pattern, isPattern := strings.CutPrefix(uri.Path, "/"); {
		case uri.Scheme == "ab-tenant" && uri.Opaque != "" && uri.RawQuery == "" && uri.Fragment == "":
			identity.Tenants = append(identity.Tenants, uri.Opaque)
		case uri.Scheme != "ab" || uri.RawQuery != "" || uri.Fragment != "" || uri.User != nil:
		case uri.Host == "" && isPattern:
			identity.Sources = append(identity.Sources, pattern)
		case uri.Host != "" && uri.Path == "":
			identity.Nodes = append(identity.Nodes, uri.Host)
		}
	}
	return identity
}

// shownBy is who a connection's peer is; nil where it showed no certificate.
func shownBy(info credentials.AuthInfo) *door.Identity {
	if by, ok := info.(via); ok {
		info = by.AuthInfo
	}
	secure, ok := info.(credentials.TLSInfo)
	if !ok || len(secure.State.PeerCertificates) == 0 {
		return nil
	}
	return identityOf(secure.State.PeerCertificates[0])
}

var errNotAccepted = errors.New("the connection has not been accepted here")

// watched are credentials that tell what came of their handshakes.
type watched struct {
	credentials.TransportCredentials
	// shown is told of each peer that was dialled.
	shown func(*door.Identity)
}

// ClientHandshake implements credentials.TransportCredentials.
func (w watched) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := w.TransportCredentials.ClientHandshake(ctx, authority, raw)
	if err != nil {
		return nil, nil, err
	}
	first, err := firstByte(ctx, conn)
	if err != nil {
		_ = conn.Close()
		return nil, nil, err
	}
	w.shown(shownBy(info))
	return &begun{Conn: conn, first: first}, info, nil
}

// firstByte waits for the peer. An HTTP/2 server speaks first. One that refuses this node's certificate says so only now, and what
// was written meanwhile would be lost with its reason.
func firstByte(ctx context.Context, conn net.Conn) (first []byte, err error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Now()) })
	first = make([]byte, 1)
	_, err = io.ReadFull(conn, first)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	return first, err
}

// begun is a connection of which the first bytes have been read.
type begun struct {
	net.Conn
	first []byte
}

// Read implements net.Conn.
func (b *begun) Read(p []byte) (int, error) {
	if len(b.first) > 0 {
		n := copy(p, b.first)
		b.first = b.first[n:]
		return n, nil
	}
	return b.Conn.Read(p)
}

// ServerHandshake implements credentials.TransportCredentials.
func (w watched) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	came, ok := raw.(*conn)
	if !ok {
		return nil, nil, errNotAccepted
	}
	came.shake(true)
	secure, info, err := w.TransportCredentials.ServerHandshake(raw)
	if err != nil {
		reason, known := reasonOf(err.Error())
		if !known {
			reason = pb.RefusalReason_REFUSAL_REASON_NO_LINK
		}
		came.refuse(reason, withAdvice(err.Error()))
	}
	came.shake(false)
	if err != nil {
		return nil, nil, err
	}
	return watchCalls(secure, came), via{info, came}, nil
}

// Clone implements credentials.TransportCredentials.
func (w watched) Clone() credentials.TransportCredentials {
	w.TransportCredentials = w.TransportCredentials.Clone()
	return w
}
