// Package faults hurts the link between a Go node and a node in another process, Go or Rust, with a proxy between them, and keeps
// account of every message: each ask is answered, each tell is handled once, in order, or told. Its tests are all that it has.
package faults
