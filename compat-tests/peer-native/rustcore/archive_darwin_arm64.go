//go:build cgo

package rustcore

// #cgo LDFLAGS: ${SRCDIR}/libcompat_darwin_arm64.a -lm
import "C"
