// Package rustcore links the Rust actors of examples/hello/rust into the Go program that imports it. `make hello-rustcore`
// fills it: the archive is not in the repository.
package rustcore
