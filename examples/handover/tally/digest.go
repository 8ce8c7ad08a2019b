package tally

import "github.com/actorbridge/actorbridge/examples/handover/flightsv1"

// FNV-1a, 64 bits.
const (
	offsetBasis = 0xcbf29ce484222325
	prime       = 0x100000001b3
)

// digest chains one departure onto sum: its row, then its columns in the file's order. A number is a byte 1 and 8 bytes,
// little-endian, or a byte 0 if the field is empty; a text is its length in 4 bytes, little-endian, and its bytes.
func digest(sum uint64, d *flightsv1.Departure) uint64 {
	sum = fixed(sum, d.Row, 8)
	for _, n := range [...]*int64{d.Year, d.Month, d.Day, d.DepTime, d.SchedDepTime, d.DepDelay, d.ArrTime, d.SchedArrTime, d.ArrDelay} {
		sum = number(sum, n)
	}
	sum = text(sum, d.Carrier)
	sum = number(sum, d.Flight)
	for _, s := range [...]string{d.Tailnum, d.Origin, d.Dest} {
		sum = text(sum, s)
	}
	for _, n := range [...]*int64{d.AirTime, d.Distance, d.Hour, d.Minute} {
		sum = number(sum, n)
	}
	return text(sum, d.TimeHour)
}

func number(sum uint64, n *int64) uint64 {
	if n == nil {
		return step(sum, 0)
	}
	return fixed(step(sum, 1), uint64(*n), 8)
}

func text(sum uint64, s string) uint64 {
	sum = fixed(sum, uint64(len(s)), 4)
	for i := range len(s) {
		sum = step(sum, s[i])
	}
	return sum
}

func fixed(sum, value uint64, bytes int) uint64 {
	for range bytes {
		sum = step(sum, byte(value))
		value >>= 8
	}
	return sum
}

func step(sum uint64, b byte) uint64 { return (sum ^ uint64(b)) * prime }
