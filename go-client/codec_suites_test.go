package actorbridge_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
)

// readsImplementationDefined are the cases of JSONTestSuite on which readers may differ, and that are read here; Rust's
// test has the same list.
var readsImplementationDefined = map[string]bool{
	"i_number_double_huge_neg_exp":   true,
	"i_number_real_underflow":        true,
	"i_number_too_big_neg_int":       true,
	"i_number_too_big_pos_int":       true,
	"i_number_very_big_negative_int": true,
}

func TestJSONTestSuite(t *testing.T) {
	var cases []struct{ Name, Input string }
	suite(t, "json-test-suite.json", &cases)
	for _, c := range cases {
		message := new(testpb.Kinds)
		err := ab.JSON.Unmarshal([]byte(`{"value":`+c.Input+`}`), message)
		twice := strings.HasPrefix(c.Name, "y_object_duplicated_key")
		read := strings.HasPrefix(c.Name, "y_") && !twice || readsImplementationDefined[c.Name]
		if read != (err == nil) || err != nil && !errors.Is(err, ab.ErrUndecodable) {
			t.Errorf("%s: %.100q is %v, %.200v", c.Name, c.Input, message, err)
		}
	}
}

func suite(t *testing.T, file string, cases any) {
	t.Helper()
	text, err := os.ReadFile("../compat-tests/golden/codecs/outside/" + file)
	if err == nil {
		err = json.Unmarshal(text, cases)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// packedCase is an entry of msgpack-test-suite: a value, and each form of it.
type packedCase struct {
	Bool           *bool
	Binary, String *string
	Number         *float64
	Bignum         string
	MsgPack        []string
}

// means is the field that has this value, and the value in JSON; 0 = it is only looked at as one that is not known.
func (c *packedCase) means() (field byte, value string) {
	switch text := func(v any) string { b, _ := json.Marshal(v); return string(b) }; {
	case c.Bool != nil:
		return 13, `"aBool":` + text(*c.Bool)
	case c.String != nil:
		return 14, `"aString":` + text(*c.String)
	case c.Number != nil:
		return 1, `"aDouble":` + text(*c.Number)
	}
	return 0, ""
}

func TestMsgpackTestSuite(t *testing.T) {
	var groups map[string][]packedCase
	suite(t, "msgpack-test-suite.json", &groups)
	forms := 0
	for group, cases := range groups {
		for _, c := range cases {
			field, value := c.means()
			for _, form := range c.MsgPack {
				packed := unhex(t, strings.ReplaceAll(form, "-", ""))
				forms++
				unknown := append([]byte{0x81, 100}, packed...)
				older := new(testpb.OlderKinds)
				err := ab.MessagePack.Unmarshal(unknown, older)
				if again, _ := ab.MessagePack.Marshal(older); err != nil || !bytes.Equal(again, unknown) {
					t.Errorf("%s: %s comes back as %x, %v", group, form, again, err)
				}
				// A big integer that is no float is refused for one.
				if field == 0 || c.Bignum != "" && packed[0] >= 0xcc {
					continue
				}
				got, want := new(testpb.Kinds), new(testpb.Kinds)
				if err = ab.MessagePack.Unmarshal(append([]byte{0x81, field}, packed...), got); err != nil {
					t.Errorf("%s: %s: %v", group, form, err)
				}
				if err = ab.JSON.Unmarshal([]byte("{"+value+"}"), want); err != nil || got.String() != want.String() {
					t.Errorf("%s: %s is %v, not %v, %v", group, form, got, want, err)
				}
			}
		}
	}
	if forms < 100 {
		t.Errorf("there are %d forms only", forms)
	}
}
