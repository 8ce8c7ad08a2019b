package actorbridge_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	ab "github.com/actorbridge/actorbridge/go-client"
	actorbridgev1 "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

// FuzzSnapshot: no bytes make the reader panic, or take many times their size; and what it reads is written so that it is
// read and written the same again. The bytes are read as a file, and as the inside of one whose checksums are right.
func FuzzSnapshot(f *testing.F) {
	files, err := filepath.Glob(filepath.Join(goldenSnapshots, "*.snapshot"))
	if err != nil || len(files) < 20 {
		f.Fatalf("%d golden snapshots, %v", len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint16(0), data)
		if snapshot, err := ab.ReadSnapshot(file, data); err == nil {
			_, info := snapshot.Bytes()
			stored := data[24+binary.LittleEndian.Uint32(data[16:]):]
			head := data[24 : len(data)-len(stored)]
			if len(stored) < 64<<10 && info.Size == len(data) {
				f.Add(uint16(len(head)), append(bytes.Clone(head), stored[:max(len(stored)-4, 0)]...))
			}
		}
	}
	f.Fuzz(func(t *testing.T, cut uint16, data []byte) {
		readSnapshot(t, data)
		at := min(int(cut), len(data))
		head, stored := data[:at], data[at:]
		readSnapshot(t, snapshotFile(head, stored))
		header := new(actorbridgev1.SnapshotHeader)
		if proto.Unmarshal(head, header) != nil {
			return
		}
		sum := sha256.Sum256(stored)
		header.CapsuleSize = min(header.CapsuleSize, uint64(len(stored)))
		header.StateSize = uint64(len(stored)) - header.CapsuleSize
		header.Codec, header.Compression, header.Sha256 = "protobuf", 0, sum[:]
		head, err := proto.Marshal(header)
		if err != nil {
			t.Fatal(err)
		}
		readSnapshot(t, snapshotFile(head, stored))
	})
}

// readSnapshot reads bytes, and holds what comes of it against the properties.
func readSnapshot(t *testing.T, data []byte) {
	t.Helper()
	snapshot, err := ab.ReadSnapshot("fuzz", data)
	if err != nil {
		if text := err.Error(); len(text) > 4096 {
			t.Fatalf("the error has %d bytes: %s", len(text), text[:100])
		}
		return
	}
	once, info := snapshot.Bytes()
	again, err := ab.ReadSnapshot("fuzz", once)
	if err != nil {
		t.Fatalf("what was written is refused: %v", err)
	}
	if twice, _ := again.Bytes(); !bytes.Equal(once, twice) || info.Size != len(once) {
		t.Fatalf("it is written as\n%x\nand then as\n%x", once, twice)
	}
	if again.Actor != snapshot.Actor || again.Epoch != snapshot.Epoch || again.Seq != snapshot.Seq ||
		again.Type != snapshot.Type || again.Version != snapshot.Version || !bytes.Equal(again.State, snapshot.State) {
		t.Fatalf("%+v is read again as %+v", snapshot, again)
	}
}

// snapshotFile is a file with the right checksums around a header and what is stored.
func snapshotFile(head, stored []byte) []byte {
	table := crc32.MakeTable(crc32.Castagnoli)
	out := []byte("\x89ABSNP\r\n")
	for _, number := range []int{1, 1, len(head)} {
		out = binary.LittleEndian.AppendUint32(out, uint32(number))
	}
	crc := crc32.Update(crc32.Checksum(out, table), table, head)
	out = append(binary.LittleEndian.AppendUint32(out, crc), head...)
	for at := 0; at < len(stored); at += 64 << 10 {
		chunk := stored[at:min(at+64<<10, len(stored))]
		out = append(out, chunk...)
		out = binary.LittleEndian.AppendUint32(out, crc32.Checksum(chunk, table))
	}
	return out
}

func TestASnapshotCannotMakeItsReaderAllocateManyTimesItsSize(t *testing.T) {
	tiny := func(number protowire.Number, count int) []byte {
		return bytes.Repeat(protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), nil), count)
	}
	within := func(number protowire.Number, inner []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), inner)
	}
	const allowed, over = 1 << 18, 1 << 19
	for name, c := range map[string]struct {
		capsule []byte
		code    ab.Code
	}{
		"as many inputs as there may be": {tiny(1, allowed), ab.CodeOK},
		"more inputs":                    {tiny(1, over), ab.CodeTooLarge},
		"more held messages":             {tiny(8, over), ab.CodeTooLarge},
		"more outcomes of one input":     {within(1, tiny(6, over)), ab.CodeTooLarge},
		"more messages of one output":    {within(2, tiny(6, over)), ab.CodeTooLarge},
		"a group, which hides the rest":  {append([]byte{0x0b, 0x0c}, tiny(1, over)...), ab.CodeUndecodable},
	} {
		sum := sha256.Sum256(c.capsule)
		head, err := proto.Marshal(&actorbridgev1.SnapshotHeader{
			Actor: "ab:///x", Epoch: 1, Codec: "protobuf", CapsuleSize: uint64(len(c.capsule)), Sha256: sum[:],
		})
		if err != nil {
			t.Fatal(err)
		}
		data := snapshotFile(head, c.capsule)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err = ab.ReadSnapshot(name, data)
		runtime.ReadMemStats(&after)
		if took, most := after.TotalAlloc-before.TotalAlloc, uint64(128<<20+32*len(data)); took > most {
			t.Errorf("%s: reading %d bytes allocated %d, over %d", name, len(data), took, most)
		}
		var fault *ab.Error
		if code := c.code; (err == nil) != (code == ab.CodeOK) || err != nil && (!errors.As(err, &fault) || fault.Code != code) {
			t.Errorf("%s: it is %v, want %s", name, err, code)
		}
	}
}
