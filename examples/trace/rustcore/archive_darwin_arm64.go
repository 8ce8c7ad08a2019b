//go:build cgo

package rustcore

// #cgo LDFLAGS: ${SRCDIR}/libtrace_darwin_arm64.a -lm
import "C"
