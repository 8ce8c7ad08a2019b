package actorbridge_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
)

// codecCase is an entry of compat-tests/golden/codecs.
type codecCase struct {
	Name, Codec, Payload, Hex, Means string
	Parts                            [][2]any
	JSON, MsgPack, Protobuf          string
}

func (c *codecCase) codec() ab.Codec {
	return map[string]ab.Codec{"json": ab.JSON, "msgpack": ab.MessagePack}[c.Codec]
}

func (c *codecCase) bytes(t testing.TB) []byte {
	text := c.Payload
	for _, part := range c.Parts {
		text += strings.Repeat(part[0].(string), int(part[1].(float64)))
	}
	switch {
	case c.Hex != "":
		return unhex(t, c.Hex)
	case c.Codec == "msgpack":
		return unhex(t, text)
	}
	return []byte(text)
}

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func codecCases(t testing.TB, file string) (cases []codecCase) {
	t.Helper()
	text, err := os.ReadFile("../compat-tests/golden/codecs/" + file)
	if err != nil {
		t.Fatal(err)
	}
	if err = json.Unmarshal(text, &cases); err != nil || len(cases) == 0 {
		t.Fatal(len(cases), err)
	}
	return cases
}

// values are JSON's, apart from how they are written.
func values(t *testing.T, text []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return v
}

func TestAMessageIsTheSameInEveryCodec(t *testing.T) {
	for _, c := range codecCases(t, "equal.json") {
		t.Run(c.Name, func(t *testing.T) {
			from := map[ab.Codec][]byte{
				ab.JSON: []byte(c.JSON), ab.MessagePack: unhex(t, c.MsgPack), ab.Protobuf: unhex(t, c.Protobuf),
			}
			for codec, payload := range from {
				message := new(testpb.Kinds)
				if err := codec.Unmarshal(payload, message); err != nil {
					t.Fatalf("%v: %v", codec, err)
				}
				packed, err := ab.MessagePack.Marshal(message)
				if err != nil || !bytes.Equal(packed, from[ab.MessagePack]) {
					t.Errorf("from %v: MessagePack is %x, %v", codec, packed, err)
				}
				text, err := ab.JSON.Marshal(message)
				if err != nil || !reflect.DeepEqual(values(t, text), values(t, from[ab.JSON])) {
					t.Errorf("from %v: JSON is %s, %v", codec, text, err)
				}
			}
		})
	}
}

func TestWhatIsAcceptedBesideTheCanonicalForm(t *testing.T) {
	for _, c := range codecCases(t, "accepted.json") {
		t.Run(c.Codec+" "+c.Name, func(t *testing.T) {
			got, want := new(testpb.Kinds), new(testpb.Kinds)
			if err := c.codec().Unmarshal(c.bytes(t), got); err != nil {
				t.Fatal(err)
			}
			if c.Means == "" {
				return
			}
			if err := ab.JSON.Unmarshal([]byte(c.Means), want); err != nil || !proto.Equal(got, want) {
				t.Errorf("it is %v, not %v, %v", got, want, err)
			}
		})
	}
}

func TestWhatIsRefused(t *testing.T) {
	for _, c := range codecCases(t, "refused.json") {
		t.Run(c.Codec+" "+c.Name, func(t *testing.T) {
			got := new(testpb.Kinds)
			err := c.codec().Unmarshal(c.bytes(t), got)
			if !errors.Is(err, ab.ErrUndecodable) || len(err.Error()) > 1000 {
				t.Errorf("%.1000v, and the message is %v", err, got)
			}
		})
	}
}

func TestFieldsThatAreNotKnownAreKeptByMessagePack(t *testing.T) {
	whole := &testpb.Kinds{
		ADouble: 1, AnInt32: 7, ASint32: -5, AString: "x", Nested: &testpb.Kinds{AnInt32: 8}, Ints: []int32{1, 2},
		ByName: map[string]int32{"a": 1}, Far: "y",
	}
	packed, err := ab.MessagePack.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	var older testpb.OlderKinds
	if err = ab.MessagePack.Unmarshal(packed, &older); err != nil || older.AnInt32 != 7 || older.AString != "x" {
		t.Fatal(&older, err)
	}
	older.AnInt32 = 9
	whole.AnInt32 = 9
	want, _ := ab.MessagePack.Marshal(whole)
	if again, err := ab.MessagePack.Marshal(&older); err != nil || !bytes.Equal(again, want) {
		t.Errorf("written again it is %x, not %x, %v", again, want, err)
	}
}

func TestFieldsOfProtobufThatAreNotKnownGoByMessagePack(t *testing.T) {
	whole := &testpb.Kinds{
		AnInt32: 7, ASint32: -5, AFixed64: 3, Nested: &testpb.Kinds{ASint32: -1}, Many: []*testpb.Kinds{{}, {}},
	}
	encoded, err := proto.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	var older testpb.OlderKinds
	if err = proto.Unmarshal(encoded, &older); err != nil {
		t.Fatal(err)
	}
	packed, err := ab.MessagePack.Marshal(&older)
	if err != nil {
		t.Fatal(err)
	}
	// Who knows the fields finds them, and who does not passes them on.
	for range 2 {
		var got testpb.Kinds
		if err = ab.MessagePack.Unmarshal(packed, &got); err != nil || !proto.Equal(&got, whole) {
			t.Errorf("it is %v, not %v, %v", &got, whole, err)
		}
		if err = ab.MessagePack.Unmarshal(packed, &older); err != nil {
			t.Fatal(err)
		}
		if packed, err = ab.MessagePack.Marshal(&older); err != nil {
			t.Fatal(err)
		}
	}
}

func TestATimeThatJSONHasNoTextForIsNotWritten(t *testing.T) {
	at := func(seconds int64, nanos int32) *testpb.Kinds {
		return &testpb.Kinds{At: &timestamppb.Timestamp{Seconds: seconds, Nanos: nanos}}
	}
	lasts := func(seconds int64, nanos int32) *testpb.Kinds {
		return &testpb.Kinds{Lasts: &durationpb.Duration{Seconds: seconds, Nanos: nanos}}
	}
	const first, last = -62_135_596_800, 253_402_300_799
	for _, time := range []*testpb.Kinds{
		at(first, 0), at(last, 999_999_999), lasts(-1, -999_999_999), lasts(315_576_000_000, 0),
	} {
		var again testpb.Kinds
		text, err := ab.JSON.Marshal(time)
		if err = errors.Join(err, ab.JSON.Unmarshal(text, &again)); err != nil || !proto.Equal(time, &again) {
			t.Errorf("%v is written as %s and read as %v: %v", time, text, &again, err)
		}
	}
	for _, time := range []*testpb.Kinds{
		at(1, -1), at(1, 1_000_000_000), at(first-1, 0), at(last+1, 0),
		lasts(1, -1), lasts(-1, 1), lasts(0, 1_000_000_000), lasts(315_576_000_001, 0), lasts(math.MinInt64, 0), lasts(0, math.MinInt32),
	} {
		if text, err := ab.JSON.Marshal(time); !errors.Is(err, ab.ErrInvalidArgument) {
			t.Errorf("%v is written as %s, %v", time, text, err)
		}
		var again testpb.Kinds
		packed, err := ab.MessagePack.Marshal(time)
		if err = errors.Join(err, ab.MessagePack.Unmarshal(packed, &again)); err != nil || !proto.Equal(time, &again) {
			t.Errorf("%v is packed as %x and read as %v: %v", time, packed, &again, err)
		}
	}
}

func TestAMessageThatHasNoEncoding(t *testing.T) {
	deep := new(testpb.Kinds)
	for range 100 {
		deep = &testpb.Kinds{Nested: deep}
	}
	for _, codec := range []ab.Codec{ab.JSON, ab.MessagePack} {
		for _, message := range []*testpb.Kinds{deep, {AString: "\xff"}, {ByName: map[string]int32{"\xff": 1}}} {
			if payload, err := codec.Marshal(message); !errors.Is(err, ab.ErrInvalidArgument) {
				t.Errorf("%v: %.100q, %v", codec, payload, err)
			}
		}
		if _, err := codec.Marshal(deep.Nested); err != nil {
			t.Errorf("%v of 100 levels: %v", codec, err)
		}
	}
	if _, err := ab.Codec(3).Marshal(deep.Nested); !errors.Is(err, ab.ErrInvalidArgument) {
		t.Error(err)
	}
	if err := ab.Codec(3).Unmarshal(nil, deep); !errors.Is(err, ab.ErrUnsupportedCodec) {
		t.Error(err)
	}
}
