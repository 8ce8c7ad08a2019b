//go:build cgo

package rustcore

// #cgo LDFLAGS: ${SRCDIR}/libcompat_linux_arm64.a -lm -ldl -lpthread
import "C"
