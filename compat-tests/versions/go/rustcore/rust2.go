//go:build cgo && rust2

package rustcore

// #cgo LDFLAGS: ${SRCDIR}/librust2.a -lm
// #cgo linux LDFLAGS: -ldl -lpthread
import "C"
