//go:build cgo

package rustcore

// #cgo LDFLAGS: ${SRCDIR}/lib/linux_amd64/libactorbridge_bench_ffi.a -lm -ldl -lpthread
import "C"
