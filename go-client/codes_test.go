package actorbridge_test

import (
	"errors"
	"fmt"
	"testing"

	ab "github.com/actorbridge/actorbridge/go-client"
	v1 "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

func TestEveryCodeOfTheSchemaIsInTheTable(t *testing.T) {
	for number, name := range v1.Code_name {
		code := ab.Code(number)
		if want := name[len("CODE_"):]; code.String() != want {
			t.Errorf("code %d is %s, want %s", number, code, want)
		}
		if code.Means() == "" || code.Mend() == "" {
			t.Errorf("%s does not say what happened and what to do", code)
		}
	}
	for number, name := range v1.Status_name {
		if got, want := ab.Status(number).String(), name[len("STATUS_"):]; got != want {
			t.Errorf("status %d is %s, want %s", number, got, want)
		}
	}
}

func TestAnUnknownCodeMayHaveHadAnEffectAndKeepsItsNumber(t *testing.T) {
	unknown := ab.Code(77)
	if unknown.Effect() != ab.EffectMaybe || unknown.String() != "CODE_77" {
		t.Errorf("code 77 is %s with effect %s, want CODE_77 with MAYBE", unknown, unknown.Effect())
	}
	if got := ab.Status(-77).String(); got != "STATUS_-77" {
		t.Errorf("status -77 is %s, want STATUS_-77", got)
	}
}

func TestASentinelIsFoundInAWrappedError(t *testing.T) {
	err := fmt.Errorf("tell ab:///orders/42: %w", ab.CodeMailboxFull)
	if !errors.Is(err, ab.ErrMailboxFull) || errors.Is(err, ab.ErrStopped) {
		t.Errorf("%v is taken for the wrong sentinel", err)
	}
}
