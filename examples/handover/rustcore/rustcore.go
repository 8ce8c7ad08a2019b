// Package rustcore links the Rust actors of examples/handover/rust into the Go program that imports it. `make handover-rustcore`
// fills it: the archive is not in the repository.
package rustcore
