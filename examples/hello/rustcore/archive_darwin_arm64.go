//go:build cgo

package rustcore

// #cgo LDFLAGS: ${SRCDIR}/libhello_darwin_arm64.a -lm
import "C"
