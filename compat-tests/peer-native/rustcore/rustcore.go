// Package rustcore links the Rust test actors (compat-tests/peer-native/rust) into the Go program that imports it. `make
// compat-rustcore` fills it: the archive is not in the repository.
package rustcore
