//go:build cgo

package rustcore

// #cgo LDFLAGS: ${SRCDIR}/libtrace_linux_arm64.a -lm -ldl -lpthread
import "C"
