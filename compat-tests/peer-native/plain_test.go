//go:build !race && !asan

package main

const instrumented = false
