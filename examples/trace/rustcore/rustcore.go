// Package rustcore links the Rust actors of examples/trace/rust into the Go program that imports it. `make trace-rustcore`
// fills it: the archive is not in the repository.
package rustcore
