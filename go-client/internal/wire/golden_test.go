package wire

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
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

// fnv1a makes a change of any byte a change of the index, also where no field shows it.
func fnv1a(v []byte) string {
	h := fnv.New64a()
	h.Write(v)
	return fmt.Sprintf("fnv1a=%016x", h.Sum64())
}

func hex(v []byte) string {
	if len(v) > 40 {
		return fmt.Sprintf("%d bytes %x… %s", len(v), v[:40], fnv1a(v))
	}
	return fmt.Sprintf("%d bytes %x", len(v), v)
}

// raw is the fields that a reader does not look into, as their bytes.
func raw(out *strings.Builder, all []byte, name func(number uint32) string) {
	r := fields{all: all}
	var f field
	for {
		more, _ := r.next(&f)
		if !more {
			return
		}
		if name := name(f.number); name != "" {
			fmt.Fprintf(out, "%s %s\n", name, hex(all[f.start:f.end]))
		}
	}
}

func describeEnvelope(parts [][]byte) string {
	all := bytes.Join(parts, nil)
	title := "bytes " + fnv1a(all) + "\n"
	e, refusal := ReadEnvelope(parts...)
	if refusal != nil {
		return title + "refused " + refusal.Error()
	}
	path := AppendAskPath(nil, all)
	values := []any{
		1: e.Kind, 2: hex(e.Payload), 3: e.Correlation, 4: text(e.Source), 5: text(e.Target), 6: text(e.TypeName),
		7: e.TypeVersion, 8: e.MinReaderVersion, 9: e.ContentType, 10: text(e.ReplyTo), 11: hex(e.Trace), 12: hex(e.ID),
		13: hex(e.DedupKey), 14: e.Compression, 16: e.RawSize, 17: e.ExpectedVersion, 18: hex(e.CausationID),
		19: text(e.Tenant), 20: text(e.Tracestate), 21: hex(e.RawFailure), 22: e.PayloadCRC32C, 23: e.CreatedUnixMS,
		25: fmt.Sprintf("%d: %s", e.AskPathLen, strings.Trim(fmt.Sprint(path), "[]")),
	}
	var out strings.Builder
	for number := uint32(1); number <= 25; number++ {
		if e.Present.Has(number) && values[number] != nil {
			fmt.Fprintf(&out, "%s %v\n", fieldName(number), values[number])
		}
	}
	raw(&out, all, func(number uint32) string {
		switch {
		case number == 24:
			return "attributes"
		case number == 15 || number > 25:
			return fmt.Sprint("field ", number)
		}
		return ""
	})
	rewritten := "differs"
	if bytes.Equal(rewrite(&e, path), all) {
		rewritten = "same"
	}
	return title + out.String() + "rewritten " + rewritten
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
	return Join(who.Bytes, what, AppendBody(nil, BodyFields{Correlation: e.Correlation, AskPath: path, Failure: e.RawFailure}, e.Payload))
}

func describeFrame(parts [][]byte) string {
	title := "bytes " + fnv1a(parts[0]) + "\n"
	p, err := ReadPacket(parts[0], MaxFrameBytes)
	if err != nil {
		return title + "refused " + err.Error()
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
	raw(&out, parts[0], func(number uint32) string {
		if number == 15 {
			return ""
		}
		return fmt.Sprint("field ", number)
	})
	for _, r := range p.Runs {
		fmt.Fprintf(&out, "run flow=%d first_seq=%d attempt=%d hops=%d queued=%d\n",
			r.Flow, r.FirstSeq, r.Attempt, r.Hops, r.Queued)
		for _, i := range r.All() {
			fmt.Fprintf(&out, "item type=%d ttl_ms=%d %s\n", i.TypeID, i.TTLMs, hex(i.Body))
		}
	}
	again := p.Append(nil)
	if bytes.Equal(again, parts[0]) {
		return title + out.String() + "rewritten same"
	}
	return title + out.String() + "rewritten " + hex(again)
}

func TestGoReadsAndRewritesTheGoldenBytesAsRustDoes(t *testing.T) {
	for folder, describe := range map[string]func([][]byte) string{
		"envelopes": describeEnvelope, "bad-envelopes": describeEnvelope, "frames": describeFrame, "bad-frames": describeFrame,
	} {
		cases := loadGolden(t, folder)
		if len(cases) < 10 || folder == "envelopes" && len(cases) < 40 {
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

func TestAChangedByteOfAGoldenFileIsReportedByNameAndField(t *testing.T) {
	for folder, describe := range map[string]func([][]byte) string{"envelopes": describeEnvelope, "frames": describeFrame} {
		for _, c := range loadGolden(t, folder) {
			all := bytes.Join(c.parts, nil)
			for at := range min(len(all), 2048) {
				all[at] ^= 1
				if describe(cut(all, c.parts)) == strings.TrimSuffix(c.block, "\n") {
					t.Errorf("%s/%s: a change of byte %d is not seen", folder, c.name, at)
				}
				all[at] ^= 1
			}
		}
	}
	tell := loadGolden(t, "envelopes")[0]
	all := bytes.Join(tell.parts, nil)
	all[bytes.Index(all, []byte("pricer/eu"))] = 'P'
	if got := describeEnvelope(cut(all, tell.parts)); !strings.Contains(got, "\ntarget ab:///Pricer/eu\n") {
		t.Errorf("a changed target is read as\n%s", got)
	}
}

// cut cuts a golden file's bytes into parts as long as these.
func cut(all []byte, like [][]byte) [][]byte {
	var parts [][]byte
	for _, part := range like {
		parts, all = append(parts, all[:len(part)]), all[len(part):]
	}
	return parts
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
