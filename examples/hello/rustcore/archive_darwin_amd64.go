//go:build cgo

package rustcore

// #cgo LDFLAGS: ${SRCDIR}/libhello_darwin_amd64.a -lm
import "C"
