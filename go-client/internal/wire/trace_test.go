package wire

import (
	"strings"
	"testing"
)

func TestATraceOfABodyIsReadAsItWasWrittenWithoutATracestateThatIsTooLong(t *testing.T) {
	for state, expected := range map[string]string{
		"": "", "a=1": "a=1", strings.Repeat("x", MaxTracestate): strings.Repeat("x", MaxTracestate), strings.Repeat("x", MaxTracestate+1): "",
	} {
		trace := Trace{TraceID: [16]byte{1}, SpanID: [8]byte{2}, Flags: 1, State: state}
		got, ok := TraceOf(AppendBody(nil, BodyFields{Trace: &trace}, []byte("x")))
		trace.State = expected
		if !ok || got != trace {
			t.Errorf("wrote %v %q, read %v %q", trace, trace.State, got, got.State)
		}
	}
	if _, ok := TraceOf(AppendBody(nil, BodyFields{Trace: &Trace{SpanID: [8]byte{2}}}, nil)); ok {
		t.Error("a context without a trace is a trace")
	}
}
