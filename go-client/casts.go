package actorbridge

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// cast changes a message in place, from one version of its type to another.
type cast func(proto.Message) error

// downcast is a version that a newer one can be written as.
type downcast struct {
	to, minReader uint32
	cast          cast
}

// casts are how the versions of one type turn into each other.
type casts struct {
	up   map[uint32]cast // by the version that it begins with
	down []downcast      // from the newest to the oldest
}

// allCasts are those of the process, as protobuf's own registry is.
var allCasts = struct {
	sync.Mutex
	of map[protoreflect.MessageDescriptor]*casts
}{of: make(map[protoreflect.MessageDescriptor]*casts)}

// Upcast registers how a message that a writer of version from wrote becomes one of the next version: change fills in what
// that version did not have. Whoever decodes one, also an actor's state, runs all from the writer's version up to this
// program's; a version without one needs none. An error makes the message UNDECODABLE.
//
// It is for init functions, and panics where it cannot be meant: T has no version after from, or it is registered twice.
func Upcast[T proto.Message](from uint32, change func(message T) error) {
	of := descriptorOf[T]()
	if version := versionOf(of); from < 1 || from >= version {
		panic(fmt.Sprintf("actorbridge: Upcast from version %d of %s, whose version is %d: it is never run",
			from, of.FullName(), version))
	}
	register(of, func(c *casts) {
		if c.up[from] != nil {
			panic(fmt.Sprintf("actorbridge: Upcast from version %d of %s is registered twice", from, of.FullName()))
		}
		if c.up == nil {
			c.up = make(map[uint32]cast)
		}
		c.up[from] = castOf(change)
	})
}

// Downcast registers how a message is written for a peer that cannot read this program's version of it: change turns a copy
// of the next newer version that there is, which is this program's own or that of another Downcast, into one that version
// to would have written, which readers from version minReader on can read. A sender then writes, for each peer, the newest
// version that the peer reads. Each message of such a type is encoded once for each of its versions. An actor whose state is
// such a message moves with the newest version of it that the other node reads.
//
// It is for init functions, and panics where it cannot be meant: T's version is not above to, minReader is above to, or it
// is registered twice.
func Downcast[T proto.Message](to, minReader uint32, change func(message T) error) {
	of := descriptorOf[T]()
	if version := versionOf(of); to < 1 || to >= version || minReader < 1 || minReader > to {
		panic(fmt.Sprintf("actorbridge: Downcast to version %d of %s with min_reader %d, whose version is %d: to must be below "+
			"that, and min_reader from 1 to it", to, of.FullName(), minReader, version))
	}
	register(of, func(c *casts) {
		at, twice := slices.BinarySearchFunc(c.down, to, func(d downcast, to uint32) int { return int(to) - int(d.to) })
		if twice {
			panic(fmt.Sprintf("actorbridge: Downcast to version %d of %s is registered twice", to, of.FullName()))
		}
		c.down = slices.Insert(c.down, at, downcast{to, minReader, castOf(change)})
	})
}

func descriptorOf[T proto.Message]() protoreflect.MessageDescriptor {
	var none T
	return none.ProtoReflect().Descriptor()
}

func castOf[T proto.Message](change func(T) error) cast {
	return func(message proto.Message) error { return change(message.(T)) }
}

// register changes a type's casts; what was known of the type is looked up anew.
func register(of protoreflect.MessageDescriptor, change func(*casts)) {
	allCasts.Lock()
	defer allCasts.Unlock()
	c := new(casts)
	if old := allCasts.of[of]; old != nil { // in use, perhaps
		c.down = slices.Clone(old.down)
		c.up = make(map[uint32]cast, len(old.up)+1)
		for from, up := range old.up {
			c.up[from] = up
		}
	}
	change(c)
	allCasts.of[of] = c
	types.Lock()
	defer types.Unlock()
	delete(types.known, of)
	types.last.Store(nil)
}

func castsOf(of protoreflect.MessageDescriptor) *casts {
	allCasts.Lock()
	defer allCasts.Unlock()
	return allCasts.of[of]
}

// upcast brings a message from the version that it was written with to this program's.
func (t *typeInfo) upcast(message proto.Message, from uint32) error {
	if len(t.up) == 0 {
		return nil
	}
	for version := from; version < t.version; version++ {
		if up := t.up[version]; up != nil {
			if err := up(message); err != nil {
				return fmt.Errorf("%s of version %d does not become version %d: %w", t.name, version, version+1, err)
			}
		}
	}
	return nil
}

// encodeOlder adds the older encodings of a message. One that cannot be made ends them: it is missed only by a peer that
// needs it, and that is told why.
func (t *typeInfo) encodeOlder(out *outgoing, codec Codec, kind pb.Kind, message proto.Message, fields wire.BodyFields) {
	message = proto.Clone(message)
	for _, o := range t.older {
		err := o.cast(message)
		var older outgoing
		if err == nil {
			older, err = o.encode(codec, kind, message, fields)
		}
		if err != nil {
			out.missing = notWritten(o.version, err)
			return
		}
		out.older = append(out.older, older)
	}
}

func notWritten(version uint32, why error) error {
	return fmt.Errorf("version %d cannot be written: %w", version, why)
}

// forPeer is the newest encoding of a message that a peer reads, who reads these versions of types; of a type that is not
// among them, what this program writes. It fails with UNSUPPORTED_VERSION.
func (out *outgoing) forPeer(peer string, reads map[string]uint32, target string) (*outgoing, *Error) {
	version, known := reads[out.what.TypeName]
	if !known || out.what.MinReader <= version {
		return out, nil
	}
	for i := range out.older {
		if older := &out.older[i]; older.what.MinReader <= version {
			return older, nil
		}
	}
	detail := fmt.Sprintf("%s of version %d needs a reader of version %d; node %s reads version %d",
		out.what.TypeName, out.what.Version, out.what.MinReader, peer, version)
	if out.missing != nil {
		detail += "; " + out.missing.Error()
	}
	e := newError(CodeUnsupportedVersion, target, detail)
	e.ReaderVersion = version
	return nil, e
}

// stateFor is a state as the peer of a link reads it, and its version: the newest that the peer says it reads; this program's
// own where it says nothing, and without a link. It fails with UNSUPPORTED_VERSION.
func (c *cell) stateFor(to *linkEnd, state proto.Message) (proto.Message, uint32, error) {
	info := infoOf(state)
	if to == nil {
		return state, info.version, nil
	}
	peer, reads, known := to.peerReads(info.name)
	if !known || info.version <= reads {
		return state, info.version, nil
	}
	var older proto.Message
	var version uint32
	err := isolated(c.node, func() (err error) {
		older, version, err = olderState(state, reads)
		return err
	})
	if err != nil {
		return nil, 0, newError(CodeUnsupportedVersion, c.ref.text, fmt.Sprintf(
			"its state is %s of version %d; node %s reads version %d; %v", info.name, info.version, peer, reads, err))
	}
	return older, version, nil
}

// olderState is a state as the newest version that a reader of version reads knows. It may not be a newer one, whatever its
// min_reader: a state is kept and written again by who takes it over, without the fields that it does not know.
func olderState(state proto.Message, reads uint32) (proto.Message, uint32, error) {
	if casts := castsOf(state.ProtoReflect().Descriptor()); casts != nil {
		older := proto.Clone(state)
		for _, d := range casts.down {
			if err := d.cast(older); err != nil {
				return nil, 0, notWritten(d.to, err)
			}
			if d.to <= reads {
				return older, d.to, nil
			}
		}
	}
	return nil, 0, errors.New("no downcast writes that")
}
