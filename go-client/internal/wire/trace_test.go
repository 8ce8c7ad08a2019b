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

func TestATraceparentIsReadAsItWasWrittenAndOneThatIsNotValidIsNone(t *testing.T) {
	const text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	trace, ok := TraceOfHeaders(text, "shop=1")
	if !ok || trace.String() != text || trace.State != "shop=1" {
		t.Errorf("%s is read as %v %q", text, trace, trace.State)
	}
	if later, ok := TraceOfHeaders("cc"+text[2:]+"-more", "shop=1"); !ok || later != trace {
		t.Errorf("of a later version it is read as %v", later)
	}
	for _, bad := range []string{
		"", "00", strings.ToUpper(text), strings.Replace(text, "b7ad", "b7a", 1), text + "-more", "ff" + text[2:],
		"00-00000000000000000000000000000000-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
		"00-0af7651916cd43dd8448eb211c80319é-b7ad6b7169203331-01",
	} {
		if trace, ok := TraceOfHeaders(bad, ""); ok {
			t.Errorf("%q is read as %v", bad, trace)
		}
	}
}
