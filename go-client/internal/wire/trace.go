package wire

import (
	"fmt"
	"strconv"
	"strings"
)

// MaxTracestate is the most bytes of a tracestate that is passed on; a longer one is left out, as W3C Trace Context allows.
const MaxTracestate = 512

// traceSize is the bytes of Envelope.trace: trace id, span id, flags.
const traceSize = 16 + 8 + 1

// A Trace is a W3C trace context: the trace that a message belongs to, and the span that sent it.
type Trace struct {
	// TraceID is the trace; never all zeros.
	TraceID [16]byte
	// SpanID is the span that the next one is a child of; never all zeros.
	SpanID [8]byte
	// Flags has in bit 0 whether the trace is sampled.
	Flags byte
	// State is W3C tracestate; may be empty.
	State string
}

// traceContext is the trace of an envelope. False: it is in none, or its context is not valid.
func (e *Envelope) traceContext() (t Trace, ok bool) {
	if len(e.Trace) != traceSize {
		return Trace{}, false
	}
	copy(t.TraceID[:], e.Trace)
	copy(t.SpanID[:], e.Trace[16:])
	t.Flags, t.State = e.Trace[24], string(e.Tracestate)
	return t, t.IsValid()
}

// TraceOf is the trace of an encoded body that was read before. False: it is in none, or its context is not valid.
func TraceOf(body []byte) (Trace, bool) {
	var e Envelope
	if refusal := e.ReadBody(body, 0); refusal != nil {
		return Trace{}, false
	}
	return e.traceContext()
}

// IsValid says whether it names a trace and a span.
func (t Trace) IsValid() bool { return t.TraceID != [16]byte{} && t.SpanID != [8]byte{} }

// String is a W3C traceparent.
func (t Trace) String() string { return fmt.Sprintf("00-%x-%x-%02x", t.TraceID, t.SpanID, t.Flags) }

// append appends its fields of an envelope.
func (t *Trace) append(out []byte) []byte {
	var context [traceSize]byte
	copy(context[:], t.TraceID[:])
	copy(context[16:], t.SpanID[:])
	context[24] = t.Flags
	out = appendBytes(out, 11, string(context[:]))
	if len(t.State) > 0 && len(t.State) <= MaxTracestate {
		out = appendBytes(out, 20, t.State)
	}
	return out
}

// TraceOfHeaders is the trace of a W3C traceparent and tracestate. False: it is not valid.
func TraceOfHeaders(parent, state string) (t Trace, ok bool) {
	var version, flags [1]byte
	t.State = state
	rest := parent
	for _, into := range [][]byte{version[:], t.TraceID[:], t.SpanID[:], flags[:]} {
		var part string
		part, rest, _ = strings.Cut(rest, "-")
		if len(part) != 2*len(into) || part != strings.ToLower(part) {
			return Trace{}, false
		}
		for i := range into {
			value, err := strconv.ParseUint(part[2*i:2*i+2], 16, 8)
			if err != nil {
				return Trace{}, false
			}
			into[i] = byte(value)
		}
	}
	t.Flags = flags[0]
	more := len(parent) > len("00-")+32+len("-")+16+len("-00")
	if version[0] == 0xff || version[0] == 0 && more || !t.IsValid() {
		return Trace{}, false
	}
	return t, true
}

// InTrace is a complete envelope with a trace, unless it says one itself, or is none.
func InTrace(envelope []byte, t Trace) []byte {
	e, refusal := ReadEnvelope(envelope)
	if refusal != nil || len(e.Trace)+len(e.Tracestate) > 0 {
		return envelope
	}
	return t.append(envelope[:len(envelope):len(envelope)])
}
