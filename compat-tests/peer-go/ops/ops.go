// Package ops is what the runner and a peer program say to each other: one JSON document a line, on the peer's stdin and
// stdout. compat-tests/peer-rust/src/ops.rs is the same in Rust, and says what each operation does.
package ops

// An Order is one order to a peer program: an operation, and the fields that it has.
type Order struct {
	// ID is chosen by the runner; the answer repeats it.
	ID uint64 `json:"id"`
	// Node carries it out. A peer program may host several.
	Node string `json:"node"`
	// Op is the operation, such as "ask".
	Op string `json:"op"`

	// Listen is where a node that is started listens: tcp://127.0.0.1:0, grpcs://127.0.0.1:0 or unix:///path; empty = nowhere.
	Listen string `json:"listen"`
	// Certificates is the folder with the node's NAME.pem and NAME.key, and ca.pem; empty = it speaks no TLS.
	Certificates string `json:"certificates"`
	// Native starts the node of the other language, in this process.
	Native bool `json:"native"`
	// Compression is how a node that is started compresses payloads on links; nil = it does not.
	Compression *Compressing `json:"compression,omitempty"`
	// Door is how to link: "memory", "native", "remote" or "sidecar".
	Door string `json:"door"`
	// To is an actor's address; for links a remote address or a node's name.
	To string `json:"to"`
	// Message is what to send.
	Message Encoded `json:"message"`
	// Wait says whether a tell waits for room; else it is a TryTell.
	Wait bool `json:"wait"`
	// TimeoutMS is an ask's deadline, and how long a tell may wait; 0 = the node's default.
	TimeoutMS uint64 `json:"timeout_ms"`
	// First and Count are the n of many messages; Count also how many events are taken at the most.
	First uint64 `json:"first"`
	Count uint64 `json:"count"`
	// Order is the id of the ask or the subscription to give up, or of the subscription whose events are taken.
	Order uint64 `json:"order"`
	// Path and Snapshot (hex) are an actor and what to restore it from.
	Path     string `json:"path"`
	Snapshot string `json:"snapshot"`
}

// Compressing is how a node compresses payloads on links.
type Compressing struct {
	// By is "zstd" or "lz4".
	By string `json:"by"`
	// Least is from how many bytes on.
	Least int `json:"least"`
}

// Encoded is a message, encoded in protobuf, or raw.
type Encoded struct {
	// Type is its full name.
	Type string `json:"type"`
	// Payload is its bytes, in hex.
	Payload string `json:"payload"`
	// Codec is what it is sent in, and its reply must come in: empty = exactly these bytes; "json" or "msgpack" = the message that
	// they decode to, in that; "raw" = exactly these bytes, as a raw message.
	Codec string `json:"codec,omitempty"`
}

// An Answer is what became of an order. No fault = it was done.
type Answer struct {
	// ID is the order's.
	ID uint64 `json:"id"`
	// Reply is the reply to an ask.
	Reply *Encoded `json:"reply,omitempty"`
	// Events are what came before the reply.
	Events []Encoded `json:"events,omitempty"`
	// Fault is what the caller was told instead.
	Fault *Fault `json:"fault,omitempty"`
	// Address is where the node listens.
	Address string `json:"address,omitempty"`
	// Counts is what was counted.
	Counts map[string]uint64 `json:"counts,omitempty"`
	// Letters are dead letters, oldest first.
	Letters []Letter `json:"letters,omitempty"`
}

// A Fault is an error, as the caller's language gives it.
type Fault struct {
	// Code is the code's name, such as MAILBOX_FULL; DRIVER if the order itself could not be carried out.
	Code string `json:"code"`
	// Effect is the effect's name.
	Effect string `json:"effect"`
	// Detail is the error's whole text.
	Detail string `json:"detail"`
	// UserCode and UserMessage are the handler's own, with HANDLER_ERROR.
	UserCode    string `json:"user_code"`
	UserMessage string `json:"user_message"`
	// Returned says that the error gave the message back.
	Returned bool `json:"returned"`
}

// A Letter is one dead letter.
type Letter struct {
	// Target is the receiver's address.
	Target string `json:"target"`
	// Code and Effect are as in Fault.
	Code   string `json:"code"`
	Effect string `json:"effect"`
	// Detail is one sentence.
	Detail string `json:"detail"`
	// Bytes is how many bytes of the message are kept; 0 = none.
	Bytes int `json:"bytes"`
}

// DriverFault is an order that could not be carried out.
func DriverFault(detail string) *Fault { return &Fault{Code: "DRIVER", Detail: detail} }
