package actorbridge_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	actorbridgev1 "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
	"github.com/actorbridge/actorbridge/go-client/remote"
)

const nowhere = "grpcs://127.0.0.1:0"

// warnings keeps what nodes log.
type warnings struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (j *warnings) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(line)
}

func (j *warnings) logger() ab.Option {
	return ab.WithLogger(slog.New(slog.NewTextHandler(j, &slog.HandlerOptions{Level: slog.LevelWarn})))
}

// has waits for a warning.
func (j *warnings) has(t *testing.T, what string) {
	t.Helper()
	eventually(t, "a warning with "+what, func() bool {
		j.mu.Lock()
		defer j.mu.Unlock()
		return strings.Contains(j.text.String(), what)
	})
}

// secure is a node that listens with TLS, where, and what it logs.
func secure(t *testing.T, name string, option remote.Option) (*ab.Node, string, *warnings) {
	t.Helper()
	var server *remote.Server
	t.Cleanup(func() { server.Close() }) // after the node's own shutdown
	log := new(warnings)
	node := start(t, name, log.logger())
	server, err := remote.Listen(node, nowhere, option)
	must(t, err)
	return node, server.Addr(), log
}

func TestNodesWithCertificatesOfOneCAAreLinked(t *testing.T) {
	_, f := twoBy(t, "one")
	b, address, _ := secure(t, "b", remote.TLSFiles(f.files("b")))
	if !strings.HasPrefix(address, "grpcs://127.0.0.1:") {
		t.Errorf("it listens at %s", address)
	}
	behave(t, start(t, "a", ab.WithLink(remote.Door(address, remote.TLSFiles(f.files("a"))))), b)
}

func TestAConfigurationOfTheProgramsOwnHoldsThePeerToItsCertificate(t *testing.T) {
	_, f := twoBy(t, "one")
	conf := func(name string) *tls.Config {
		files := f.files(name)
		own, err := tls.LoadX509KeyPair(files.Certificate, files.Key)
		must(t, err)
		text, err := os.ReadFile(files.CA)
		must(t, err)
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(text)
		return &tls.Config{
			Certificates: []tls.Certificate{own}, RootCAs: pool, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
			MinVersion: tls.VersionTLS13,
		}
	}
	_, address, _ := secure(t, "b", remote.TLS(conf("b")))
	door := remote.Door(address, remote.TLS(conf("a")))
	if _, err := start(t, "a").Dial(t.Context(), door); err != nil {
		t.Errorf("a is %v", err)
	}
	if _, err := start(t, "c").Dial(t.Context(), door); err == nil ||
		!strings.Contains(err.Error(), "the certificate of node c is of a") {
		t.Errorf("c with the certificate of a is %v", err)
	}
}

// Why connections are refused.
const (
	unknownCA     = actorbridgev1.RefusalReason_REFUSAL_REASON_UNKNOWN_CA
	outOfTime     = actorbridgev1.RefusalReason_REFUSAL_REASON_EXPIRED
	noCertificate = actorbridgev1.RefusalReason_REFUSAL_REASON_NO_CERTIFICATE
	wrongHost     = actorbridgev1.RefusalReason_REFUSAL_REASON_WRONG_HOST
	wrongName     = actorbridgev1.RefusalReason_REFUSAL_REASON_WRONG_NAME
	forgedSource  = actorbridgev1.RefusalReason_REFUSAL_REASON_FORGED_SOURCE
	forgedTenant  = actorbridgev1.RefusalReason_REFUSAL_REASON_FORGED_TENANT
	refusedByPeer = actorbridgev1.RefusalReason_REFUSAL_REASON_REFUSED_BY_PEER
	noTLS         = actorbridgev1.RefusalReason_REFUSAL_REASON_NO_TLS
)

// hasRefused holds a node to what it has counted of refusals.
func hasRefused(t *testing.T, node *ab.Node, want map[actorbridgev1.RefusalReason]uint64) {
	t.Helper()
	counted := make(map[actorbridgev1.RefusalReason]uint64)
	for _, r := range node.Status(nil).Refusals {
		counted[r.Reason] = r.Count
	}
	if !maps.Equal(counted, want) {
		t.Errorf("node %s has counted %v, not %v", node.Name(), counted, want)
	}
}

// once is one refusal; of the reason 0, none.
func once(reason actorbridgev1.RefusalReason) map[actorbridgev1.RefusalReason]uint64 {
	if reason == 0 {
		return nil
	}
	return map[actorbridgev1.RefusalReason]uint64{reason: 1}
}

// refused has a dial b, and looks at what the two are told, and count.
func refused(
	t *testing.T, a, b remote.Files, told, logged string, countedHere, countedThere actorbridgev1.RefusalReason,
) {
	t.Helper()
	there, address, log := secure(t, "b", remote.TLSFiles(b))
	here := start(t, "a")
	_, err := here.Dial(t.Context(), remote.Door(address, remote.TLSFiles(a)))
	if !errors.Is(err, ab.ErrUnavailable) || !strings.Contains(err.Error(), told) {
		t.Errorf("the dialler is told %v, not %s", err, told)
	}
	log.has(t, logged)
	if len(there.Peers())+len(here.Peers()) != 0 {
		t.Error("they are linked")
	}
	hasRefused(t, here, once(countedHere))
	hasRefused(t, there, once(countedThere))
	if countedThere != 0 {
		log.has(t, "code="+strings.TrimPrefix(countedThere.String(), "REFUSAL_REASON_"))
	}
}

func TestACertificateOfAnotherCAIsRefusedAndBothAreTold(t *testing.T) {
	const (
		isNot   = "is of a CA that this node does not trust: give both nodes certificates of one CA"
		asked   = "the peer refused this node's certificate"
		doesNot = "does not trust the CA of this node's certificate: give both nodes certificates of one CA"
	)
	// One that was made anew under the same name is another one too.
	for _, name := range []string{"one", "two"} {
		_, f := twoBy(t, "one")
		other, strange := twoBy(t, name)
		refused(t, strange.files("a"), f.files("b"), isNot, asked, unknownCA, refusedByPeer)
		// The dialler trusts the listener, but not the other way round.
		other.give(f, "a", valid(t, "ab://a"))
		refused(t, f.files("a"), f.files("b"), doesNot, isNot, refusedByPeer, unknownCA)
	}
}

func TestACertificateThatHasExpiredIsRefusedAndBothAreTold(t *testing.T) {
	const theirs = "the peer's certificate is out of its time: give the peer a new one"
	c, f := twoBy(t, "one")
	c.give(f, "a", expired(t, "ab://a"))
	refused(t, f.files("a"), f.files("b"), "this node's certificate is out of its time: put a new one into its file", theirs,
		refusedByPeer, outOfTime)
	c.give(f, "a", valid(t, "ab://a"))
	c.give(f, "b", expired(t, "ab://b"))
	refused(t, f.files("a"), f.files("b"), theirs, "the peer refused this node's certificate", outOfTime, refusedByPeer)
}

func TestANodeMustHaveANameOfItsCertificate(t *testing.T) {
	for _, wrong := range []struct {
		node string
		uris []string
		says string
	}{
		{"a", []string{"ab://c", "ab://d"}, "the certificate of node a is of c, d; give it one with the URI ab://a"},
		{"a", []string{"https://a", "ab:///a"}, "the certificate of node a names no node"},
		{"b", []string{"ab://a"}, "the certificate of node b is of a; give it one with the URI ab://b"},
	} {
		c, f := twoBy(t, "one")
		c.give(f, wrong.node, valid(t, wrong.uris...))
		// Who is named wrongly hears it by a Goodbye.
		here, there := actorbridgev1.RefusalReason(0), wrongName
		if wrong.node == "b" {
			here, there = there, here
		}
		refused(t, f.files("a"), f.files("b"), wrong.says, wrong.says, here, there)
	}
}

func TestAListenerMustHaveACertificateForTheHostThatWasDialled(t *testing.T) {
	_, f := twoBy(t, "one")
	files := f.files("a")
	files.ServerName = "rust-core"
	refused(t, files, f.files("b"), "is not for the host that was dialled: give it one with that DNS name or IP address",
		"the peer refused this node's certificate", wrongHost, refusedByPeer)
	_, address, _ := secure(t, "b", remote.TLSFiles(f.files("b")))
	files.ServerName = "127.0.0.1"
	start(t, "a", ab.WithLink(remote.Door(address, remote.TLSFiles(files))))
}

func TestANodeWithoutCertificateIsLinkedOnlyWhereThatIsAllowed(t *testing.T) {
	_, f := twoBy(t, "one")
	bare, open := remote.Files{CA: f.files("a").CA}, f.files("b")
	refused(t, bare, open, "takes links only from nodes that show a certificate: give this node one",
		"the peer showed no certificate: give it one", refusedByPeer, noCertificate)
	open.AnyClient = true
	b, address, _ := secure(t, "b", remote.TLSFiles(open))
	start(t, "anyone", ab.WithLink(remote.Door(address, remote.TLSFiles(bare))))
	if peers := b.Peers(); !slices.Equal(peers, []string{"anyone"}) {
		t.Errorf("b is linked with %v", peers)
	}
}

func TestTLSAndPlainTCPDoNotMeetAndSaySo(t *testing.T) {
	_, f := twoBy(t, "one")
	files := remote.TLSFiles(f.files("a"))
	b, address, log := secure(t, "b", remote.TLSFiles(f.files("b")))
	plain := remote.Door(strings.Replace(address, "grpcs", "tcp", 1))
	if _, err := start(t, "a").Dial(t.Context(), plain); !errors.Is(err, ab.ErrUnavailable) {
		t.Errorf("without TLS it is %v", err)
	}
	log.has(t, "one side speaks no TLS")
	hasRefused(t, b, once(noTLS))
	_, address = listening(t, "tcp://127.0.0.1:0")
	_, err := start(t, "a").Dial(t.Context(), remote.Door(strings.Replace(address, "tcp", "grpcs", 1), files))
	if err == nil || !strings.Contains(err.Error(), "one side speaks no TLS") {
		t.Errorf("where no TLS is spoken it is %v", err)
	}
}

func TestWhoHasNoUsableFilesIsToldWhich(t *testing.T) {
	c, f := twoBy(t, "one")
	node := start(t, "b")
	other, _ := c.issue(valid(t, "ab://b"))
	f.replace("a.pem", other)
	for _, wrong := range []struct {
		address string
		options []remote.Option
		says    string
	}{
		{nowhere, nil, "grpcs:// needs a certificate, its key and a CA"},
		{"tcp://127.0.0.1:0", []remote.Option{remote.TLSFiles(f.files("b"))}, "use grpcs://"},
		{nowhere, []remote.Option{remote.TLSFiles(f.files("nobody"))}, "nobody.pem"},
		{nowhere, []remote.Option{remote.TLSFiles(remote.Files{CA: f.files("b").CA})}, "needs a certificate and its key"},
		{nowhere, []remote.Option{remote.TLSFiles(f.files("a"))}, "a.key"},
	} {
		if server, err := remote.Listen(node, wrong.address, wrong.options...); err == nil || !strings.Contains(err.Error(), wrong.says) {
			t.Errorf("%s: %v, not %s", wrong.address, err, wrong.says)
			server.Close()
		}
	}
	_, err := node.Dial(t.Context(), remote.Door("grpcs://127.0.0.1:1", remote.TLSFiles(f.files("nobody"))))
	if !errors.Is(err, ab.ErrInvalidArgument) {
		t.Errorf("a door without files is %v", err)
	}
}

func TestAForgedSourceIsRefusedWithAReasonAtBothEnds(t *testing.T) {
	c, f := twoBy(t, "one")
	c.give(f, "a", valid(t, "ab://a", "ab:///order/*"))
	b, address, there := secure(t, "b", remote.TLSFiles(f.files("b")))
	counter := spawn(t, b, "counter")
	here := new(warnings)
	a := start(t, "a", here.logger(), ab.WithLink(remote.Door(address, remote.TLSFiles(f.files("a")))))
	through := &testpb.AskThrough{Target: counter.String()}
	if _, err := ab.Ask[*testpb.EchoReply](t.Context(), spawn(t, a, "order/1"), through); err != nil {
		t.Errorf("a source of the certificate is %v", err)
	}
	_, err := ab.Ask[*testpb.EchoReply](t.Context(), spawn(t, a, "porter"), through)
	const says = "node a may not send as ab:///porter: that is no source of its certificate; add the URI ab:///PATTERN to it"
	if !errors.Is(err, &ab.UserError{Code: "FORBIDDEN"}) || !strings.Contains(err.Error(), says) {
		t.Errorf("another source is %v", err)
	}
	there.has(t, says)
	here.has(t, "it refuses messages of ab:///porter: this node's certificate does not allow them")
	hasRefused(t, b, once(forgedSource))
	if n := b.DeadLetterCounts()["FORBIDDEN"]; n != 1 {
		t.Errorf("%d dead letters", n)
	}
	if _, err := ab.Ask[*testpb.EchoReply](t.Context(), refOf(t, a, counter.String()), &testpb.EchoRequest{}); err != nil {
		t.Errorf("outside code, which is no actor, is %v", err)
	}
}

// tenantPorter replies with the tenant of an ask.
func tenantPorter(_ ab.Context, m *ab.Message) error {
	return m.Reply(&testpb.EchoReply{Text: m.Tenant()})
}

func TestAForgedTenantIsRefusedWithAReasonAtBothEnds(t *testing.T) {
	c, f := twoBy(t, "one")
	b, address, there := secure(t, "b", remote.TLSFiles(f.files("b")))
	_, err := b.Spawn("porter", func() ab.Receiver { return ab.ReceiverFunc(tenantPorter) })
	must(t, err)
	for _, sender := range []struct{ node, tenant string }{{"none", ""}, {"good", "acme"}, {"forger", "globex"}} {
		c.give(f, sender.node, valid(t, "ab://"+sender.node, "ab-tenant:acme"))
		here := new(warnings)
		a := start(t, sender.node, here.logger(), ab.WithTenant(sender.tenant), ab.WithLink(remote.Door(address, remote.TLSFiles(f.files(sender.node)))))
		reply, err := ab.Ask[*testpb.EchoReply](t.Context(), refOf(t, a, "ab:///porter"), &testpb.EchoRequest{})
		if sender.node != "forger" {
			if err != nil || reply.Text != sender.tenant {
				t.Errorf("a message of the tenant %q is answered %v, %v", sender.tenant, reply, err)
			}
			continue
		}
		const says = "node forger may not send for the tenant globex: that is no tenant of its certificate; add the URI " +
			"ab-tenant:globex to it, or start the node for another tenant"
		if !errors.Is(err, ab.ErrForbidden) || !strings.Contains(err.Error(), says) {
			t.Errorf("another tenant is %v", err)
		}
		there.has(t, says)
		here.has(t, "it refuses messages of outside code for the tenant globex: this node's certificate does not allow them")
	}
	if _, err := ab.Start(t.Context(), "a", ab.WithTenant("a/b")); !errors.Is(err, ab.ErrInvalidArgument) {
		t.Errorf("a tenant a/b is %v", err)
	}
}

func TestNeitherASourceNorATenantCanBeForgedOnAnyWay(t *testing.T) {
	_, f := twoBy(t, "one")
	b, address, _ := secure(t, "b", remote.TLSFiles(f.files("b")))
	spawn(t, b, "counter")
	s := strangeBy(t, remote.Door(address, remote.TLSFiles(f.files("a"))))
	head := hello(1, 1)
	head.Hello.Node = "a"
	s.says(head)
	s.until("the Welcome", func(p *wire.Packet) bool { return p.Head.GetWelcome() != nil })
	const forged, to, replyTo = "ab://c/porter", "ab:///counter", "ab://a/system"
	complete := wire.NewWho(forged, to, replyTo).Bytes
	tenants := wire.NewWhoOfTenant("", to, replyTo, "globex").Bytes
	bare := wire.NewWho("", to, replyTo).Bytes
	what := wire.NewWhat(actorbridgev1.Kind_KIND_TELL, "actorbridge.test.v1.Add", 1, 1, actorbridgev1.ContentType_CONTENT_TYPE_PROTOBUF)
	tell := wire.AppendBody(slices.Clone(what.Bytes), wire.BodyFields{}, nil)
	for i, way := range []struct {
		name         string
		prefix, body []byte
	}{
		{"the stream's", complete, tell},
		{"the item's", bare, slices.Concat(wire.NewWho(forged, "", "").Bytes, tell)},
		{"a complete envelope's", nil, slices.Concat(complete, tell)},
		{"the stream's tenant and", tenants, tell},
		{"the item's tenant and", bare, slices.Concat(wire.NewWhoOfTenant("", "", "", "globex").Bytes, tell)},
		{"a complete envelope's tenant and", nil, slices.Concat(tenants, tell)},
	} {
		run := wire.Run{FirstSeq: 1, Items: []wire.Item{{Body: way.body}}}
		frame := new(actorbridgev1.Frame)
		if way.prefix != nil {
			run.Flow = uint32(i + 1)
			frame.Open = []*actorbridgev1.StreamOpen{{
				Flow: run.Flow, Stream: uint64(run.Flow), Epoch: 1, Mode: actorbridgev1.Mode_MODE_FLOW, Prefix: way.prefix, FirstSeq: 1,
			}}
		}
		s.says(frame, run)
		eventually(t, way.name+" source to be refused", func() bool { return b.DeadLetterCounts()["FORBIDDEN"] == uint64(i+1) })
	}
	expect(t, refOf(t, b, "ab:///counter"), 0)
	hasRefused(t, b, map[actorbridgev1.RefusalReason]uint64{forgedSource: 3, forgedTenant: 3})
}

func TestCertificatesAreReplacedWithoutARestartAndWithoutLosingAMessage(t *testing.T) {
	old, f := twoBy(t, "one")
	b, address, _ := secure(t, "b", remote.TLSFiles(f.files("b")))
	spawn(t, b, "counter")
	a := start(t, "a", ab.WithLink(remote.Door(address, remote.TLSFiles(f.files("a")))))
	counter := refOf(t, a, "ab:///counter")
	ctx, stop := context.WithCancel(t.Context())
	told := make(chan uint64, 1)
	go func() {
		n := uint64(0)
		for ctx.Err() == nil || n < 1000 {
			n++
			if err := a.Tell(t.Context(), counter, &testpb.Add{By: 1, N: n}); err != nil {
				t.Error(err)
				break
			}
		}
		told <- n
	}()
	// First both CAs are trusted, then the certificates are changed, then the old CA goes.
	fresh := newCA(t, "two")
	f.trust(old, fresh)
	fresh.give(f, "a", valid(t, "ab://a"))
	fresh.give(f, "b", valid(t, "ab://b"))
	f.trust(fresh)
	old.give(f, "late", valid(t, "ab://late"))
	late := start(t, "late")
	door := remote.Door(address, remote.TLSFiles(f.files("late")))
	if _, err := late.Dial(t.Context(), door); err == nil || !strings.Contains(err.Error(), "does not trust the CA") {
		t.Errorf("the old CA is gone, and a node with its certificate is %v", err)
	}
	fresh.give(f, "late", valid(t, "ab://late"))
	if _, err := late.Dial(t.Context(), door); err != nil {
		t.Errorf("by the new CA, without a restart, it is %v", err)
	}
	stop()
	expect(t, counter, receive(t, "the end of the tells", told)) // none is lost, and none out of order
}

func TestFilesThatDoNotFitTogetherAreNamedAndThoseFromBeforeAreUsed(t *testing.T) {
	c, f := twoBy(t, "one")
	_, address, log := secure(t, "b", remote.TLSFiles(f.files("b")))
	certificate, key := c.issue(valid(t, "ab://b"))
	f.replace("b.pem", certificate)
	start(t, "a", ab.WithLink(remote.Door(address, remote.TLSFiles(f.files("a")))))
	log.has(t, "the certificates from before are used until that is mended")
	f.replace("b.key", key)
	c.give(f, "c", valid(t, "ab://c"))
	start(t, "c", ab.WithLink(remote.Door(address, remote.TLSFiles(f.files("c")))))
}
