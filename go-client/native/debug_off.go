//go:build cgo && !abdebug

package native

// debugging: the build tag abdebug is set.
const debugging = false
