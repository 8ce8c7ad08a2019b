// Package lib links the Rust library without actors of its own into a Go program. `make lib` fills it: the archive is not
// in the repository.
//
// A program with Rust actors imports its own package instead; examples/rustcore is one.
package lib
