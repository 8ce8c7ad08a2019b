package wire

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

const goldenRoot = "../../../compat-tests/golden"

// golden is one case of an index that Rust wrote.
type golden struct {
	name  string
	block string
	parts [][]byte
}

func loadGolden(t testing.TB, folder string) []golden {
	t.Helper()
	index, err := os.ReadFile(filepath.Join(goldenRoot, folder, "index.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []golden
	for block := range strings.SplitSeq(strings.TrimSuffix(string(index), "\n"), "\n\n") {
		lines := strings.SplitN(block, "\n", 3)
		name, _, _ := strings.Cut(lines[0], ":")
		all, err := os.ReadFile(filepath.Join(goldenRoot, folder, name+".bin"))
		if err != nil {
			t.Fatal(err)
		}
		c := golden{name: name, block: lines[2]}
		for _, length := range strings.Fields(lines[1])[1:] {
			n, err := strconv.Atoi(length)
			if err != nil || n > len(all) {
				t.Fatalf("%s: a part of %q bytes, %d are left", name, length, len(all))
			}
			c.parts, all = append(c.parts, all[:n]), all[n:]
		}
		cases = append(cases, c)
	}
	return cases
}

func text(v []byte) string {
	if len(v) > 64 {
		return hex(v)
	}
	return string(v)
}

func hex(v []byte) string {
	if len(v) > 40 {
		return fmt.Sprintf("%d bytes %x…", len(v), v[:40])
	}
	return fmt.Sprintf("%d bytes %x", len(v), v)
}

func describeEnvelope(parts [][]byte) string {
	e, refusal := ReadEnvelope(parts...)
	if refusal != nil {
		return "refused " + refusal.Error()
	}
	all := bytes.Join(parts, nil)
	path := AppendAskPath(nil, all)
	values := []any{
		1: e.Kind, 2: hex(e.Payload), 3: e.Correlation, 4: text(e.Source), 5: text(e.Target), 6: text(e.TypeName),
		7: e.TypeVersion, 8: e.MinReaderVersion, 9: e.ContentType, 10: text(e.ReplyTo), 11: hex(e.Trace), 12: hex(e.ID),
		13: hex(e.DedupKey), 14: e.Compression, 15: 15, 16: e.RawSize, 17: e.ExpectedVersion, 18: hex(e.CausationID),
		19: text(e.Tenant), 20: text(e.Tracestate), 21: hex(e.RawFailure), 22: e.PayloadCRC32C, 23: e.CreatedUnixMS,
		24: e.Attributes, 25: fmt.Sprintf("%d: %s", e.AskPathLen, strings.Trim(fmt.Sprint(path), "[]")), 26: 26,
	}
	var out strings.Builder
	for number := uint32(1); number <= 26; number++ {
		if e.Present.Has(number) {
			name := "unknown"
			if number != 15 && number != 26 {
				name = fieldName(number)
			}
			fmt.Fprintf(&out, "%s %v\n", name, values[number])
		}
	}
	rewritten := "differs"
	if bytes.Equal(rewrite(&e, path), all) {
		rewritten = "same"
	}
	return out.String() + "rewritten " + rewritten
}

// rewrite is what this project's writers make of the fields they know.
func rewrite(e *Envelope, path []uint64) []byte {
	what := appendUint(nil, 1, uint64(e.Kind))
	if len(e.TypeName) > 0 {
		what = appendBytes(what, 6, e.TypeName)
	}
	what = appendUint(what, 7, uint64(e.TypeVersion))
	what = appendUint(what, 8, uint64(e.MinReaderVersion))
	what = appendUint(what, 9, uint64(e.ContentType))
	who := NewWho(string(e.Source), string(e.Target), string(e.ReplyTo))
	return Join(who.Bytes, what, AppendBody(nil, BodyFields{e.Correlation, path, e.RawFailure}, e.Payload))
}

func describeFrame(parts [][]byte) string {
	p, err := ReadPacket(parts[0], MaxFrameBytes)
	if err != nil {
		return "refused " + err.Error()
	}
	hello, welcome, goodbye := "-", "-", "-"
	if h := p.Head.Hello; h != nil {
		hello = fmt.Sprint(h.Node, " ", h.Incarnation)
	}
	if w := p.Head.Welcome; w != nil {
		welcome = w.Node
	}
	if g := p.Head.Goodbye; g != nil {
		goodbye = g.Detail
	}
	var out strings.Builder
	fmt.Fprintf(&out, "number %d\nsent_ms %d\nhello %s\nwelcome %s\nopen %d\nstate %d\ngoodbye %s\n",
		p.Head.Number, p.Head.SentMs, hello, welcome, len(p.Head.Open), len(p.Head.State), goodbye)
	for _, r := range p.Runs {
		fmt.Fprintf(&out, "run flow=%d first_seq=%d attempt=%d hops=%d queued=%d\n",
			r.Flow, r.FirstSeq, r.Attempt, r.Hops, r.Queued)
		for _, i := range r.Items {
			fmt.Fprintf(&out, "item type=%d ttl_ms=%d %s\n", i.TypeID, i.TTLMs, hex(i.Body))
		}
	}
	again := p.Append(nil)
	if bytes.Equal(again, parts[0]) {
		return out.String() + "rewritten same"
	}
	return out.String() + "rewritten " + hex(again)
}

func TestGoReadsAndRewritesTheGoldenBytesAsRustDoes(t *testing.T) {
	for folder, describe := range map[string]func([][]byte) string{
		"envelopes": describeEnvelope, "bad-envelopes": describeEnvelope, "frames": describeFrame, "bad-frames": describeFrame,
	} {
		cases := loadGolden(t, folder)
		if len(cases) < 10 {
			t.Errorf("%s holds only %d cases", folder, len(cases))
		}
		for _, c := range cases {
			t.Run(folder+"/"+c.name, func(t *testing.T) {
				if got := describe(c.parts); got != strings.TrimSuffix(c.block, "\n") {
					t.Errorf("Go sees\n%s\nRust sees\n%s", got, c.block)
				}
			})
		}
	}
}

func TestAGoldenBodyIsScannedWithoutAllocating(t *testing.T) {
	for _, c := range loadGolden(t, "envelopes") {
		if len(c.parts) != 3 {
			continue
		}
		prefix, refusal := ReadEnvelope(c.parts[:2]...)
		if refusal != nil {
			t.Fatal(refusal)
		}
		var body Envelope
		allocs := testing.AllocsPerRun(10, func() { refusal = body.ReadBody(c.parts[2], prefix.Present) })
		if refusal != nil || allocs != 0 {
			t.Errorf("%s: %v allocations, refusal %v", c.name, allocs, refusal)
		}
	}
}

// FuzzEnvelope: no bytes make the reader panic, and what it reads is what protobuf-go reads.
func FuzzEnvelope(f *testing.F) {
	for _, folder := range []string{"envelopes", "bad-envelopes"} {
		for _, c := range loadGolden(f, folder) {
			f.Add(bytes.Join(c.parts, nil))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e, refusal := ReadEnvelope(data)
		var body Envelope
		if again := body.ReadBody(data, 0); (again == nil) != (refusal == nil) {
			t.Fatalf("ReadEnvelope: %v, ReadBody: %v", refusal, again)
		}
		var oracle pb.Envelope
		if refusal != nil || proto.Unmarshal(data, &oracle) != nil {
			return
		}
		if e.Kind != uint32(oracle.Kind) || !bytes.Equal(e.Payload, oracle.Payload) || e.Correlation != oracle.Correlation ||
			string(e.Target) != oracle.Target || e.ExpectedVersion != oracle.GetExpectedVersion() ||
			e.CreatedUnixMS != oracle.CreatedUnixMs || int(e.AskPathLen) != len(oracle.AskPath) {
			t.Fatalf("read %+v, protobuf-go reads %v", e, &oracle)
		}
	})
}

// FuzzPacket: no bytes make the reader panic, and what it reads survives writing and reading.
func FuzzPacket(f *testing.F) {
	for _, folder := range []string{"frames", "bad-frames"} {
		for _, c := range loadGolden(f, folder) {
			f.Add(c.parts[0])
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := ReadPacket(data, MaxFrameBytes)
		if err != nil {
			return
		}
		bytesOnce := p.Append(nil)
		again, err := ReadPacket(bytesOnce, 2*MaxFrameBytes)
		if err != nil {
			t.Fatalf("our own frame is refused: %v", err)
		}
		if !bytes.Equal(again.Append(nil), bytesOnce) {
			t.Fatal("a frame changes when it is read and written a second time")
		}
	})
}
