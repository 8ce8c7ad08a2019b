//go:build cgo

package lib

// #cgo LDFLAGS: ${SRCDIR}/libactorbridge_linux_arm64.a -lm -ldl -lpthread
import "C"
