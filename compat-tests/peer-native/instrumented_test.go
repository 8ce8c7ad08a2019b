//go:build race || asan

package main

// instrumented: the race detector's and AddressSanitizer's own memory is a multiple of the program's, and is not given back.
const instrumented = true
