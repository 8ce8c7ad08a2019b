package wire

// Entries counts the length-delimited fields of a message, and those inside its fields of these numbers. What a message
// takes once it is decoded is bounded by them and by its bytes.
func Entries(message []byte, within ...uint32) (count int, refusal *Refusal) {
	r := fields{all: message}
	var f field
	for {
		more, refusal := r.next(&f)
		if refusal != nil || !more {
			return count, refusal
		}
		if f.typ != bytesType {
			continue
		}
		count++
		for _, number := range within {
			if f.number != number {
				continue
			}
			inner, refusal := Entries(f.bytes)
			if refusal != nil {
				return count, refusal
			}
			count += inner
		}
	}
}
