//go:build cgo && rust1

package rustcore

// #cgo LDFLAGS: ${SRCDIR}/librust1.a -lm
// #cgo linux LDFLAGS: -ldl -lpthread
import "C"
