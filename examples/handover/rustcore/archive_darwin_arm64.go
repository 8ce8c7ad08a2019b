//go:build cgo

package rustcore

// #cgo LDFLAGS: ${SRCDIR}/libhandover_darwin_arm64.a -lm
import "C"
