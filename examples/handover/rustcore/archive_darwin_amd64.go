//go:build cgo

package rustcore

// #cgo LDFLAGS: ${SRCDIR}/libhandover_darwin_amd64.a -lm
import "C"
