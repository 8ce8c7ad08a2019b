// Package rustcore links this project's Rust actors into the Go program that imports it. Exactly one such package
// may be imported. Made by `actorbridge build`.
package rustcore
