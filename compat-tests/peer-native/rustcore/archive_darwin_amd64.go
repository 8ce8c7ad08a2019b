//go:build cgo

package rustcore

// #cgo LDFLAGS: ${SRCDIR}/libcompat_darwin_amd64.a -lm
import "C"
