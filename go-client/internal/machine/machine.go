// Package machine is the protocol as state machines: events and the time in, actions out.
//
// No I/O, no clock, no randomness, no locks: a shell (the node) brings those. The Rust node has the same machines under
// the same names, and both answer the traces in compat-tests/traces.
//
//   - link.go: one lane between two nodes; handshake.go, inbound.go and outbound.go are its parts.
//   - ask.go: who waits for which answer.
//   - pool.go: one actor's mailbox permits, and the credit made of them.
//   - mover.go: one actor on its way to another node; arriving.go is its destination.
//   - supervisor.go: what to do about a panic.
//
// Methods that cause actions append them to a slice that the caller gives and may use again.
package machine

// Millis is milliseconds of a monotonic clock that the shell chose.
type Millis = uint64

// since is the time from then to now, 0 if now is earlier.
func since(now, then Millis) Millis {
	if now < then {
		return 0
	}
	return now - then
}
