//go:build cgo

package native

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// memory is a lane's, with rings of so many bytes.
func memory(size int) []byte {
	m := make([]byte, ringHeader+2*size+2*ringGrants)
	binary.LittleEndian.PutUint32(m, ringMagic)
	binary.LittleEndian.PutUint32(m[4:], ringLayout)
	binary.LittleEndian.PutUint64(m[8:], uint64(size))
	return m
}

func pair(t *testing.T, size int) (*ringWriter, *ringReader) {
	t.Helper()
	to, _, err := rings(memory(size))
	if err != nil {
		t.Fatal(err)
	}
	return &ringWriter{ring: to}, &ringReader{ring: to}
}

func TestOfARunAreWrittenAsManyAsThereIsRoomFor(t *testing.T) {
	w, r := pair(t, 4096)
	random := rand.New(rand.NewPCG(3, 4))
	var written, taken, cut int
	for taken < 20_000 {
		payloads := make([][]byte, random.IntN(40))
		longest := []int{300, 9, 1}[random.IntN(3)] // also shorter than a run's head
		for i := range payloads {
			payloads[i] = bytes.Repeat([]byte{byte(written + i)}, random.IntN(longest))
		}
		n := w.fitting(payloads)
		w.putRun(runHead{seq: uint64(written + 1), flow: 1, typeID: uint32(random.IntN(3))}, payloads[:n]) // mostly a head of its own
		if used := w.tail - r.freed; used > 4096 {
			t.Fatalf("%d bytes are in a ring of 4096", used)
		}
		if n < len(payloads) {
			cut++
			if left := w.look(); left >= 2*space(300)+space(runHeadSize) {
				t.Fatalf("%d of %d were said to fit, and %d bytes are free", n, len(payloads), left)
			}
		}
		written += n
		w.publish()
		if random.IntN(3) == 0 {
			continue
		}
		for {
			frame, run, err := r.take()
			if err != nil || frame != nil {
				t.Fatalf("of runs came the frame %q, %v", frame, err)
			}
			if run == nil {
				break
			}
			for i := range run.Len() {
				if got := run.At(i); run.FirstSeq+uint64(i) != uint64(taken+1) || len(got) > 0 && got[0] != byte(taken) {
					t.Fatalf("where %d is due comes %d with %v", taken+1, run.FirstSeq+uint64(i), got)
				}
				taken++
			}
		}
		r.free()
	}
	if cut == 0 {
		t.Error("there was always room")
	}
}

func TestWhatIsWrittenToARingComesOutOfItInOrderWhereverItsEndIs(t *testing.T) {
	w, r := pair(t, 4096)
	random := rand.New(rand.NewPCG(1, 2))
	var written, taken []string
	seq := uint64(1)
	for len(taken) < 20_000 {
		for n := random.IntN(20); n > 0; n-- {
			message := bytes.Repeat([]byte{byte(seq)}, random.IntN(300))
			if !w.hasRoom(space(len(message)) + space(runHeadSize)) {
				break
			}
			if random.IntN(10) == 0 {
				w.put(tagFrame, message)
				written = append(written, "frame "+string(message))
				continue
			}
			head := runHead{seq: seq, flow: uint32(random.IntN(3)), typeID: 7, ttlMs: uint32(random.IntN(2)), hops: 1}
			plain := random.IntN(2) == 0
			w.putMessage(head, plain, message)
			seq++
			if head.flow == 0 {
				head.seq = 0
			}
			written = append(written, fmt.Sprint(head.flow, head.seq, head.ttlMs, plain, string(message)))
		}
		w.publish()
		for more := true; more; {
			frame, run, err := r.take()
			switch {
			case err != nil:
				t.Fatal(err)
			case frame != nil:
				taken = append(taken, "frame "+string(frame))
			case run != nil:
				for i := range run.Len() {
					seq := run.FirstSeq + uint64(i)
					if run.Flow == 0 {
						seq = 0
					}
					taken = append(taken, fmt.Sprint(run.Flow, seq, run.TTLMs, run.Plain, string(run.At(i))))
				}
			default:
				more = false
			}
		}
		r.free()
	}
	for i := range written {
		if written[i] != taken[i] {
			t.Fatalf("entry %d was written as %q and came as %q", i, written[i], taken[i])
		}
	}
	if len(written) != len(taken) {
		t.Errorf("%d were written, %d came", len(written), len(taken))
	}
}

func TestAFullRingAsksForRoomAndIsToldWhenThereIsSome(t *testing.T) {
	w, r := pair(t, 4096)
	n := 0
	for w.hasRoom(space(500) + space(runHeadSize)) {
		w.putMessage(runHead{seq: uint64(n + 1), flow: 1}, true, make([]byte, 500))
		n++
	}
	w.publish()
	if _, run, err := r.take(); err != nil || run.Len() != n {
		t.Fatalf("of %d messages came %v, %v", n, run, err)
	}
	if !r.free() {
		t.Error("the writer waits for room, and nobody would tell it")
	}
	if r.free() {
		t.Error("it would be told twice")
	}
	if !w.hasRoom(space(500)) {
		t.Error("the room was not given back")
	}
}

func TestAReaderThatSleepsIsWokenOnceAndNeverSleepsOnData(t *testing.T) {
	w, r := pair(t, 4096)
	if !r.sleep() {
		t.Fatal("nothing waits, and it does not sleep")
	}
	w.put(tagFrame, []byte("a"))
	if !w.publish() || w.publish() {
		t.Error("who writes for a sleeper wakes it, once")
	}
	if r.sleep() {
		t.Error("it sleeps on data")
	}
}

func TestWhatIsNoRecordIsAnErrorAndNothingIsReadBeyondTheRing(t *testing.T) {
	for name, c := range map[string]struct {
		word uint64
		tail uint64
	}{
		"a record beyond the ring's end":  {uint64(1<<20) | tagItem<<32, 64},
		"a record beyond what is written": {uint64(100) | tagItem<<32, 64},
		"a tag that is none":              {8 | 99<<32, 64},
		"a run's head of another size":    {8 | tagRun<<32, 64},
		"a tail beyond the ring":          {8 | tagItem<<32, 1 << 40},
		"a tail that is no multiple of 8": {8 | tagItem<<32, 17},
		"a length near 2^32":              {0xffff_fffc | tagItem<<32, 64},
	} {
		w, r := pair(t, 4096)
		binary.LittleEndian.PutUint64(w.data, c.word)
		w.tail = c.tail
		w.publish()
		if frame, run, err := r.take(); err == nil {
			t.Errorf("%s: came %v, %v", name, frame, run)
		}
	}
}

func TestARecordHasAtMost256KiB(t *testing.T) {
	for _, tag := range []uint64{tagFrame, tagItem, tagPayload} {
		for n, want := range map[uint64]string{256 << 10: "", 256<<10 + 1: "a record of 262145 bytes; one has at most 262144"} {
			w, r := pair(t, 1<<20)
			binary.LittleEndian.PutUint64(w.data, n|tag<<32)
			w.tail = 8 + (n+7)&^7
			w.publish()
			frame, run, err := r.take()
			if err == nil && want != "" || err != nil && err.Error() != want {
				t.Errorf("a record of %d bytes with the tag %d: %d, %v, %v", n, tag, len(frame), run, err)
			}
		}
	}
}

func TestRingsOfAnotherLayoutAreRefusedWithAdvice(t *testing.T) {
	m := memory(4096)
	m[4] = 2
	if _, _, err := rings(m); err == nil || !strings.Contains(err.Error(), "use versions that go together") {
		t.Errorf("rings of layout 2: %v", err)
	}
}
