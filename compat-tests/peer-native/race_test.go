//go:build race

package main

// raced: the race detector's own memory is a multiple of the program's, and is not given back.
const raced = true
