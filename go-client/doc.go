// Package actorbridge is a Go node: actors with mailboxes, and links to other nodes, written in Go or in Rust.
//
// A program starts a [Node], spawns actors and sends them messages; the node finds out whether an actor lives here or at
// the other end of a link. Where to read on:
//
//   - node.go, start.go: the node as programs use it.
//   - actor.go, context.go, loop.go: what an actor is, and what it can do.
//   - ref.go, message.go, error.go: addresses, messages, and what goes wrong with them.
//   - cell.go, activation.go, outbox.go: one actor's mailbox and life.
//   - outlet.go, route.go, asks.go, link.go, linkact.go: the way of a message.
//   - snapshot.go, store.go, capsule.go: an actor as bytes, and files of them.
//   - move.go, arrive.go, owner.go: how it changes its node; arrival.go, forward.go, requests.go: what follows it.
//   - lifecycle.go, system.go, deadletters.go: births, ends, and what is remembered of them.
//
// docs/SEMANTICS.md says what is promised.
package actorbridge
