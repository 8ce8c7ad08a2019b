package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"testing"

	"google.golang.org/protobuf/proto"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	actorbridgev1 "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

// rustNodes are nodes in a process of the Rust peer, which takes orders (see compat-tests/README.md), one at a time.
type rustNodes struct {
	*testing.T
	orders  *json.Encoder
	answers *bufio.Scanner
	last    int
}

// order is what a node is to do, as far as it needs it.
type order struct {
	ID      int               `json:"id"`
	Node    string            `json:"node"`
	Op      string            `json:"op"`
	Listen  string            `json:"listen,omitempty"`
	Relays  map[string]any    `json:"relays,omitempty"`
	Door    string            `json:"door,omitempty"`
	To      string            `json:"to,omitempty"`
	First   uint64            `json:"first,omitempty"`
	Count   uint64            `json:"count,omitempty"`
	Wait    bool              `json:"wait,omitempty"`
	Message map[string]string `json:"message,omitempty"`
	Timeout int64             `json:"timeout_ms,omitempty"`
}

type answer struct {
	Address string
	Reply   struct{ Payload string }
	Fault   *struct{ Code, Effect, Detail string }
}

func startRustNodes(t *testing.T) *rustNodes {
	t.Helper()
	stdin, stdout := startRustPeer(t)
	return &rustNodes{T: t, orders: json.NewEncoder(stdin), answers: bufio.NewScanner(stdout)}
}

// does carries out an order at a node.
func (r *rustNodes) does(node, op string, o order) (a answer) {
	r.Helper()
	r.last++
	o.ID, o.Node, o.Op = r.last, node, op
	if err := r.orders.Encode(&o); err != nil {
		r.Fatal(err)
	}
	if !r.answers.Scan() {
		r.Fatalf("the Rust peer has ended: %v", r.answers.Err())
	}
	if err := json.Unmarshal(r.answers.Bytes(), &a); err != nil {
		r.Fatalf("it answers %s: %v", r.answers.Bytes(), err)
	}
	return a
}

// must is does for an order that succeeds.
func (r *rustNodes) must(node, op string, o order) answer {
	r.Helper()
	a := r.does(node, op, o)
	if a.Fault != nil {
		r.Fatalf("%s at %s: %+v", op, node, *a.Fault)
	}
	return a
}

// ask has a node ask another one's actor.
func (r *rustNodes) ask(node, to string, message proto.Message) answer {
	r.Helper()
	payload, err := proto.Marshal(message)
	if err != nil {
		r.Fatal(err)
	}
	encoded := map[string]string{"type": string(proto.MessageName(message)), "payload": hex.EncodeToString(payload)}
	return r.does(node, "ask", order{To: to, Message: encoded, Timeout: patience.Milliseconds()})
}

func TestAGoNodeAndARustNodeReachEachOtherByARustRelay(t *testing.T) {
	rust := startRustNodes(t)
	allow := map[string]any{"allow": true}
	relay := rust.must("r", "start", order{Listen: "tcp://127.0.0.1:0", Relays: allow}).Address
	both := map[string]any{"accept": []string{"r"}, "routes": map[string]string{"a": "r"}}
	rust.must("b", "start", order{Relays: both})
	rust.must("b", "link", order{Door: "remote", To: relay})
	r := &row{T: t, address: relay}
	r.a = r.node("a", ab.WithRoute("b", "r"), ab.WithAcceptedRelay("r"))

	// Go tells and asks Rust.
	spawn := &actorbridgev1.SpawnRequest{Path: "counter/1", Mailbox: 32}
	if _, err := ab.Ask[*actorbridgev1.SpawnReply](t.Context(), r.a.RefAt("ab://b/system"), spawn, ab.Timeout(patience)); err != nil {
		t.Fatal(err)
	}
	for n := range uint64(2000) {
		if err := r.a.Tell(t.Context(), r.a.RefAt("ab:///counter/1"), &testpb.Add{By: 1, N: n + 1}); err != nil {
			t.Fatal(err)
		}
	}
	if count := r.counts("ab:///counter/1"); count.Language != "rust" || count.Handled != 2000 || count.Digest != fnvDigest(2000) {
		t.Errorf("the Rust actor has handled %v", count)
	}
	if err := r.fails("ab://b/nobody", &testpb.GetCount{}); err.Code != ab.CodeNoSuchActor || err.Effect != ab.EffectNone {
		t.Errorf("nobody in Rust: %v", err)
	}

	// Rust tells and asks Go.
	if _, err := r.a.Spawn("tally", func() ab.Receiver { return new(tally) }, ab.Mailbox(32)); err != nil {
		t.Fatal(err)
	}
	rust.must("b", "tell_many", order{To: "ab:///tally", First: 1, Count: 2000, Wait: true})
	count := new(testpb.Count)
	if payload, err := hex.DecodeString(rust.ask("b", "ab:///tally", &testpb.GetCount{}).Reply.Payload); err != nil {
		t.Fatal(err)
	} else if err := proto.Unmarshal(payload, count); err != nil {
		t.Fatal(err)
	}
	if count.Handled != 2000 || count.Digest != digest(2000) {
		t.Errorf("the Go actor has handled %v", count)
	}
	if fault := rust.ask("b", "ab://a/nobody", &testpb.GetCount{}).Fault; fault == nil || fault.Code != "NO_SUCH_ACTOR" || fault.Effect != "NONE" {
		t.Errorf("nobody in Go: %+v", fault)
	}
}

// fnvDigest is the digest of the peers' counters of 1 to n.
func fnvDigest(n uint64) uint64 {
	d := uint64(14_695_981_039_346_656_037)
	for i := range n {
		d = d*1_099_511_628_211 + i + 1
	}
	return d
}
