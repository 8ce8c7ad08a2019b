//go:build cgo

package rustcore

// #cgo LDFLAGS: ${SRCDIR}/libtrace_darwin_amd64.a -lm
import "C"
