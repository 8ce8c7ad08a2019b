package machine

import (
	"fmt"
	"strconv"
	"strings"
)

// longRun is from how many on equal bytes are written once, with their number.
const longRun = 16

// quote writes bytes so that one can read them: ASCII as it is, \xNN for the rest, \{NN*count} for many equal bytes.
func quote[T string | []byte](bytes T) string {
	var out strings.Builder
	out.WriteByte('"')
	for i := 0; i < len(bytes); i++ {
		b, n := bytes[i], 1
		for i+n < len(bytes) && bytes[i+n] == b {
			n++
		}
		switch {
		case n >= longRun:
			fmt.Fprintf(&out, `\{%02x*%d}`, b, n)
			i += n - 1
		case b == '"' || b == '\\':
			out.WriteByte('\\')
			out.WriteByte(b)
		case b >= ' ' && b <= '~':
			out.WriteByte(b)
		default:
			fmt.Fprintf(&out, `\x%02x`, b)
		}
	}
	out.WriteByte('"')
	return out.String()
}

// unquote reads what quote wrote, and gives what follows it.
func unquote(text string) (bytes []byte, rest string, ok bool) {
	if !strings.HasPrefix(text, `"`) {
		return nil, text, false
	}
	for rest = text[1:]; ; {
		at := strings.IndexAny(rest, `"\`)
		if at < 0 || rest[at] == '\\' && at+1 == len(rest) {
			return nil, text, false
		}
		bytes = append(bytes, rest[:at]...)
		if rest[at] == '"' {
			return bytes, rest[at+1:], true
		}
		mark := rest[at+1]
		rest = rest[at+2:]
		switch mark {
		case 'x':
			b, err := strconv.ParseUint(rest[:min(2, len(rest))], 16, 8)
			if err != nil {
				return nil, text, false
			}
			bytes, rest = append(bytes, byte(b)), rest[2:]
		case '{':
			var many string
			many, rest, _ = strings.Cut(rest, "}")
			var b byte
			var count int
			if _, err := fmt.Sscanf(many, "%x*%d", &b, &count); err != nil {
				return nil, text, false
			}
			bytes = append(bytes, strings.Repeat(string([]byte{b}), count)...)
		default:
			bytes = append(bytes, mark)
		}
	}
}

// event is a verb and its arguments: key=value, or a quoted value alone (key "").
type event struct {
	verb string
	args map[string]string
}

// parseEvent reads a line after its "> ".
func parseEvent(line string) (event, error) {
	verb, rest, _ := strings.Cut(line, " ")
	e := event{verb, make(map[string]string)}
	for rest != "" {
		key := ""
		if rest[0] != '"' {
			var found bool
			if key, rest, found = strings.Cut(rest, "="); !found {
				return e, fmt.Errorf("%q is no event", line)
			}
		}
		value, after, quoted := unquote(rest)
		if quoted {
			e.args[key] = string(value)
		} else {
			e.args[key], after, _ = strings.Cut(rest, " ")
		}
		rest = strings.TrimLeft(after, " ")
	}
	return e, nil
}

// number is an argument, 0 if it is not there.
func (e event) number(key string) uint64 {
	return e.numberOr(key, 0)
}

func (e event) numberOr(key string, or uint64) uint64 {
	text := e.args[key]
	if text == "" {
		return or
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		panic(fmt.Sprintf("%s=%s is not a number", key, text))
	}
	return n
}

func (e event) small(key string) uint32 { return uint32(e.number(key)) }

func (e event) bytes(key string) []byte { return []byte(e.args[key]) }

func (e event) list(key string) (numbers []uint32) {
	for text := range strings.SplitSeq(e.args[key], ",") {
		if n, err := strconv.ParseUint(text, 10, 32); err == nil {
			numbers = append(numbers, uint32(n))
		}
	}
	return numbers
}

// line is one line of an answer. Zeros and what is empty are left out.
type line string

func says(word string) line { return line("< " + word) }

// inside is a line of what is inside the one before it.
func inside(word string) line { return line("<   " + word) }

func (l line) number(key string, value uint64) line {
	if value == 0 {
		return l
	}
	return l.word(key, strconv.FormatUint(value, 10))
}

func (l line) quoted(key, value string) line {
	if value == "" {
		return l
	}
	return l.word(key, quote(value))
}

func (l line) word(key, value string) line {
	if value == "" {
		return l
	}
	return l + line(" "+key+"="+value)
}

func list[T any](l line, key string, values []T) line {
	return l.word(key, strings.Join(strings.Fields(strings.Trim(fmt.Sprint(values), "[]")), ","))
}
