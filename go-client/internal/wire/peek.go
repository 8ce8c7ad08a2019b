package wire

// Peek reads kind and correlation of a body that may be damaged, as far as it goes: to answer an ask that is refused.
func Peek(body []byte) (kind, correlation uint64) {
	r := fields{all: body}
	var f field
	for {
		if more, _ := r.next(&f); !more {
			return kind, correlation
		}
		switch {
		case f.typ != varintType:
		case f.number == 1:
			kind = f.num
		case f.number == 3:
			correlation = f.num
		}
	}
}
