//go:build cgo && !race

package native

// handingOver and takenOver tell the race detector, where there is one, what is handed over between the languages.

func handingOver() {}

func takenOver() {}
