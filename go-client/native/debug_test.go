//go:build cgo && abdebug

package native

import (
	"bytes"
	"testing"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

func TestWhatWasReadIsPoisonedOnceItsRoomIsGivenBack(t *testing.T) {
	w, r := pair(t, 4096)
	w.putMessage(runHead{seq: 1, flow: 1, typeID: 7}, true, []byte("a payload of 24 bytes..."))
	w.publish()
	if _, run, err := r.take(); err != nil || run.Len() != 1 {
		t.Fatalf("took %v, %v", run, err)
	}
	if bytes.Count(w.data[:w.tail], []byte{poison}) == int(w.tail) {
		t.Fatal("it was poisoned before its room was given back")
	}
	r.free()
	if n := bytes.Count(w.data[:w.tail], []byte{poison}); n != int(w.tail) {
		t.Fatalf("%d of %d bytes were poisoned", n, w.tail)
	}
}

func TestAMessageThatIsNoItemOfAnEnvelopeIsFound(t *testing.T) {
	good := wire.AppendBody(nil, wire.BodyFields{Correlation: 5}, []byte("payload"))
	bound := runHead{flow: 1, seq: 1}
	checkItem(bound, false, good)
	checkItem(runHead{}, false, good)
	checkItem(runHead{seq: 3, hops: 1}, false, good) // it follows its actor
	checkItem(bound, true, []byte(pb.Kind_KIND_TELL.String()))
	for name, check := range map[string]func(){
		"no item":    func() { checkItem(bound, false, good[:len(good)-1]) },
		"no binding": func() { checkItem(runHead{seq: 1}, false, good) },
		"no seq":     func() { checkItem(runHead{flow: 1}, false, good) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s was not found", name)
				}
			}()
			check()
		}()
	}
}
