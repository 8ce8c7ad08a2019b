//go:build cgo

package lib

// #cgo LDFLAGS: ${SRCDIR}/libactorbridge_darwin_arm64.a -lm
import "C"
