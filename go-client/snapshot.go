package actorbridge

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"google.golang.org/protobuf/proto"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// The bytes around a snapshot's header and content; docs/SNAPSHOT.md is their table.
const (
	snapshotMagic  = "\x89ABSNP\r\n"
	snapshotFormat = 1
	snapshotPrefix = 24
	snapshotChunk  = 64 << 10
	snapshotCodec  = "protobuf"
	crcBytes       = 4
	maxHeader      = 64 << 10
	// maxSnapshot is the most bytes of a snapshot's content.
	maxSnapshot = 64 << 20
	// A capsule may have so many entries, and one more for each so many bytes of it: many tiny ones would take a hundred times
	// their bytes.
	freeEntries  = 1 << 18
	bytesAnEntry = 32
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A Snapshot is an actor at one moment between two messages: its state, and what makes it the same actor elsewhere.
type Snapshot struct {
	// Actor is the logical address.
	Actor string
	// Epoch is the owner's when it was taken.
	Epoch uint64
	// Seq counts the messages handled by then.
	Seq uint64
	// Type is the full name of the state's message, and Version its revision.
	Type    string
	Version uint32
	// State is the encoded state.
	State []byte

	capsule *pb.Capsule
}

// SnapshotInfo is what the header of a snapshot says.
type SnapshotInfo struct {
	// Actor, Epoch, Seq, Type and Version are as in [Snapshot].
	Actor   string
	Epoch   uint64
	Seq     uint64
	Type    string
	Version uint32
	// SHA256 is of the content: capsule and state.
	SHA256 []byte
	// Size is the bytes of the whole.
	Size int
}

// Bytes gives the bytes of a file, and what its header says.
func (s *Snapshot) Bytes() ([]byte, SnapshotInfo) {
	stored, err := (proto.MarshalOptions{Deterministic: true}).Marshal(s.capsule)
	if err != nil {
		panic("actorbridge: a capsule does not encode: " + err.Error()) // its strings were checked when it was made
	}
	capsuleSize := len(stored)
	stored = append(stored, s.State...)
	sum := sha256.Sum256(stored)
	head := mustMarshal(&pb.SnapshotHeader{
		Actor: s.Actor, Epoch: s.Epoch, Seq: s.Seq, Type: s.Type, Version: s.Version, Codec: snapshotCodec,
		CapsuleSize: uint64(capsuleSize), StateSize: uint64(len(s.State)), Sha256: sum[:],
	})
	out := make([]byte, 0, snapshotSize(len(head), len(stored)))
	out = append(out, snapshotMagic...)
	for _, number := range []int{snapshotFormat, snapshotFormat, len(head)} {
		out = binary.LittleEndian.AppendUint32(out, uint32(number))
	}
	crc := crc32.Update(crc32.Checksum(out, castagnoli), castagnoli, head)
	out = append(binary.LittleEndian.AppendUint32(out, crc), head...)
	for at := 0; at < len(stored); at += snapshotChunk {
		chunk := stored[at:min(at+snapshotChunk, len(stored))]
		out = append(out, chunk...)
		out = binary.LittleEndian.AppendUint32(out, crc32.Checksum(chunk, castagnoli))
	}
	return out, SnapshotInfo{
		Actor: s.Actor, Epoch: s.Epoch, Seq: s.Seq, Type: s.Type, Version: s.Version, SHA256: sum[:], Size: len(out),
	}
}

// ReadSnapshot reads the bytes of a file; name is what an error is about. It fails with UNDECODABLE for any damage, and
// what is damaged; UNSUPPORTED_VERSION for a later format; UNSUPPORTED_CODEC; TOO_LARGE.
func ReadSnapshot(name string, data []byte) (*Snapshot, error) {
	header, headLen, err := readHeader(name, data)
	if err != nil {
		return nil, err
	}
	if header.Codec != snapshotCodec || header.Compression != 0 {
		return nil, newError(CodeUnsupportedCodec, name, fmt.Sprintf(
			"the snapshot's codec is %q, compression %d; protobuf without compression is read here",
			header.Codec, header.Compression))
	}
	if header.CapsuleSize > maxSnapshot || header.StateSize > maxSnapshot-header.CapsuleSize {
		return nil, newError(CodeTooLarge, name, "the snapshot is over 64 MiB")
	}
	storedLen := int(header.CapsuleSize + header.StateSize)
	if want := snapshotSize(headLen, storedLen); len(data) != want {
		return nil, damaged(name, fmt.Sprintf("it has %d bytes, its header says %d", len(data), want))
	}
	stored, err := readChunks(name, data[snapshotPrefix+headLen:], storedLen)
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(stored); !bytes.Equal(sum[:], header.Sha256) {
		return nil, damaged(name, "its content does not match its sha256")
	}
	capsule, err := readCapsule(name, stored[:header.CapsuleSize])
	if err != nil {
		return nil, err
	}
	return &Snapshot{
		Actor: header.Actor, Epoch: header.Epoch, Seq: header.Seq, Type: header.Type, Version: header.Version,
		State: stored[header.CapsuleSize:], capsule: capsule,
	}, nil
}

func damaged(name, detail string) error {
	return newError(CodeUndecodable, name, "the snapshot is damaged: "+detail)
}

// readHeader gives the header and its length.
func readHeader(name string, data []byte) (*pb.SnapshotHeader, int, error) {
	switch {
	case len(data) > snapshotSize(maxHeader, maxSnapshot):
		return nil, 0, newError(CodeTooLarge, name, "the snapshot is over 64 MiB")
	case len(data) < snapshotPrefix:
		return nil, 0, damaged(name, fmt.Sprintf("it has %d bytes; a header alone has more", len(data)))
	case string(data[:8]) != snapshotMagic:
		return nil, 0, damaged(name, "it does not begin as a snapshot does")
	}
	number := func(at int) uint32 { return binary.LittleEndian.Uint32(data[at:]) }
	format, leastReader, headLen := number(8), number(12), number(16)
	if format == 0 || leastReader > snapshotFormat {
		return nil, 0, newError(CodeUnsupportedVersion, name, fmt.Sprintf(
			"the snapshot has format %d and needs a reader of %d; this one reads %d; upgrade it",
			format, leastReader, snapshotFormat))
	}
	if headLen > maxHeader {
		return nil, 0, newError(CodeTooLarge, name, "the snapshot's header is over 64 KiB")
	}
	end := snapshotPrefix + int(headLen)
	if len(data) < end {
		return nil, 0, damaged(name, "it ends inside its header")
	}
	head := data[snapshotPrefix:end]
	if crc32.Update(crc32.Checksum(data[:20], castagnoli), castagnoli, head) != number(20) {
		return nil, 0, damaged(name, "its header does not match its checksum")
	}
	header := new(pb.SnapshotHeader)
	if err := proto.Unmarshal(head, header); err != nil {
		return nil, 0, damaged(name, "its header does not decode: "+err.Error())
	}
	return header, int(headLen), nil
}

func readChunks(name string, data []byte, storedLen int) ([]byte, error) {
	stored := make([]byte, 0, storedLen)
	for i := 0; len(data) > 0; i++ {
		end := min(snapshotChunk, len(data)-crcBytes)
		if end < 0 || crc32.Checksum(data[:end], castagnoli) != binary.LittleEndian.Uint32(data[end:]) {
			return nil, damaged(name, fmt.Sprintf("chunk %d does not match its checksum", i))
		}
		stored = append(stored, data[:end]...)
		data = data[end+crcBytes:]
	}
	return stored, nil
}

func readCapsule(name string, data []byte) (*pb.Capsule, error) {
	entries, refusal := wire.Entries(data, 1, 2) // inputs and outputs have entries of their own
	if refusal != nil {
		return nil, damaged(name, "its capsule does not decode: "+refusal.Detail)
	}
	if most := freeEntries + len(data)/bytesAnEntry; entries > most {
		return nil, newError(CodeTooLarge, name, fmt.Sprintf(
			"the snapshot's capsule of %d bytes has %d entries, and may have %d", len(data), entries, most))
	}
	capsule := new(pb.Capsule)
	if err := proto.Unmarshal(data, capsule); err != nil {
		return nil, damaged(name, "its capsule does not decode: "+err.Error())
	}
	return capsule, nil
}

// snapshotSize is the bytes of a file with so many bytes of header and content.
func snapshotSize(head, stored int) int {
	return snapshotPrefix + head + stored + crcBytes*((stored+snapshotChunk-1)/snapshotChunk)
}
