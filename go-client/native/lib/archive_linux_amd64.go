//go:build cgo

package lib

// #cgo LDFLAGS: ${SRCDIR}/libactorbridge_linux_amd64.a -lm -ldl -lpthread
import "C"
