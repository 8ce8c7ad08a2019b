//go:build !cgo

package main

func byHand() []benchCase { return nil }
