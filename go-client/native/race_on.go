//go:build cgo && race

package native

import (
	"runtime"
	"unsafe"
)

// The race detector sees nothing of Rust, and passes over atomics in memory that is not Go's. What the rings and inline asks hand over
// it is told of here: whatever happened before something was given to Rust has happened before everything that is taken of it
// afterwards. There is one such order for all links, since Rust actors pass on what they got by any other link of the process.
var border byte

// handingOver comes before the step by which Rust may see what is handed over.
func handingOver() { runtime.RaceReleaseMerge(unsafe.Pointer(&border)) }

// takenOver comes after the step by which something of Rust's was seen.
func takenOver() { runtime.RaceAcquire(unsafe.Pointer(&border)) }
