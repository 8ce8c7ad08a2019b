//go:build cgo

package rustcore

// #cgo LDFLAGS: ${SRCDIR}/lib/linux_amd64/libshop_rust.a -lm -ldl -lpthread
import "C"
