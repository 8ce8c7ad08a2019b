//go:build cgo

package lib

// #cgo LDFLAGS: ${SRCDIR}/libactorbridge_darwin_amd64.a -lm
import "C"
