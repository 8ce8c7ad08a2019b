// Package rustcore links the Rust actors of one version into the Go program that imports it: rust1 or rust2 by the build tag
// of that name, none without one. `make versions-build` fills it: the archives are not in the repository.
package rustcore
