package actorbridge_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
)

// failing spawns an actor that fails with err, and asks it by way of a link.
func failing(t *testing.T, err error) error {
	t.Helper()
	a, b := pair(t)
	spawnFunc(t, b, "failing", func(ab.Context, *ab.Message) error { return err })
	_, got := ab.Ask[*testpb.Held](t.Context(), refOf(t, a, "ab:///failing"), &testpb.Hold{})
	return got
}

func TestAHandlersOwnErrorCrossesALinkWithItsCodeMessageAndTypedDetails(t *testing.T) {
	unknown := ab.NewUserError("UNKNOWN_SKU", "there is no A1",
		&testpb.EchoRequest{Text: "A1", Data: []byte{1, 2}}, &testpb.Count{Total: 7}, &testpb.Count{Total: 8})
	err := failing(t, fmt.Errorf("add: %w", unknown))
	var user *ab.UserError
	if !errors.As(err, &user) || user.Code != "UNKNOWN_SKU" || user.Message != "there is no A1" || len(user.Details) != 3 {
		t.Fatalf("the asker gets %v with %+v", err, user)
	}
	if !errors.Is(err, ab.ErrHandlerError) || !errors.Is(err, &ab.UserError{Code: "UNKNOWN_SKU"}) || errors.Is(err, &ab.UserError{Code: "X"}) {
		t.Errorf("errors.Is takes %v for something else", err)
	}
	if echo, ok := ab.DetailOf[*testpb.EchoRequest](err); !ok || echo.Text != "A1" || len(echo.Data) != 2 {
		t.Errorf("the first detail is %v, %v", echo, ok)
	}
	if count, ok := ab.DetailOf[*testpb.Count](err); !ok || count.Total != 7 {
		t.Errorf("of two details of a type the first is %v, %v", count, ok)
	}
	other := &testpb.Gate{Entered: 3}
	if user.Detail(other) || other.Entered != 0 {
		t.Errorf("a detail that is not there is %v", other)
	}
	if none, ok := ab.DetailOf[*testpb.Count](errors.New("x")); ok || none != nil {
		t.Errorf("another error has the detail %v", none)
	}
	var carrier anypb.Any
	if err := proto.Unmarshal(user.Details[1], &carrier); err != nil ||
		carrier.TypeUrl != "type.googleapis.com/actorbridge.test.v1.Count" {
		t.Errorf("a detail travels as %v, %v", &carrier, err)
	}
}

func TestAHandlersErrorIsADeadLetterOnlyIfNobodyIsToldOfIt(t *testing.T) {
	a, b := pair(t)
	failing := spawnFunc(t, b, "failing", func(_ ab.Context, m *ab.Message) error {
		if m.Type() == string((*testpb.Add)(nil).ProtoReflect().Descriptor().FullName()) {
			if err := m.Reply(&testpb.Count{}); err != nil { // and fails after that
				return err
			}
		}
		return ab.NewUserError("EMPTY", "nothing left")
	})
	if _, err := ab.Ask[*testpb.Held](t.Context(), refOf(t, a, "ab:///failing"), &testpb.Hold{}); !errors.Is(err, ab.ErrHandlerError) {
		t.Fatalf("the asker is told %v", err)
	}
	noDeadLetters(t, a, b)
	if _, err := ab.Ask[*testpb.Count](t.Context(), refOf(t, a, "ab:///failing"), &testpb.Add{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the dead letter of what failed after its reply", func() bool { return b.DeadLetterCounts()["HANDLER_ERROR"] == 1 })
	if err := a.Tell(t.Context(), failing, &testpb.Hold{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the dead letter of a tell", func() bool { return b.DeadLetterCounts()["HANDLER_ERROR"] == 2 })
}

func TestAnAskerThatFailsForAnothersErrorPassesItsCodeAndDetailsOn(t *testing.T) {
	a, b := pair(t)
	far := spawnFunc(t, b, "far", func(ab.Context, *ab.Message) error {
		return ab.NewUserError("EMPTY", "nothing left", &testpb.Count{Total: 9})
	})
	near := spawnFunc(t, a, "near", func(ctx ab.Context, m *ab.Message) error {
		_, err := ab.Ask[*testpb.Held](ctx, far, &testpb.Hold{})
		return err
	})
	_, err := ab.Ask[*testpb.Held](t.Context(), near, &testpb.Hold{})
	if count, ok := ab.DetailOf[*testpb.Count](err); !ok || count.Total != 9 || !errors.Is(err, &ab.UserError{Code: "EMPTY"}) {
		t.Errorf("it is %v with %v", err, count)
	}
}

func TestAnErrorThatIsTooLargeTravelsShortened(t *testing.T) {
	large := ab.NewUserError(strings.Repeat("c", 70<<10), strings.Repeat("m", 70<<10),
		&testpb.EchoRequest{Text: "first"}, &testpb.EchoRequest{Data: make([]byte, 70<<10)}, &testpb.Count{})
	err := failing(t, large)
	if !errors.Is(err, ab.ErrHandlerError) || !strings.Contains(err.Error(), "2 details were left out") {
		t.Errorf("it is %.100v", err)
	}
	if echo, ok := ab.DetailOf[*testpb.EchoRequest](err); !ok || echo.Text != "first" {
		t.Errorf("the detail that fits is %v", echo)
	}
	if err := failing(t, errors.New(strings.Repeat("x", 70<<10))); !errors.Is(err, ab.ErrHandlerError) {
		t.Errorf("a long error is %.100v", err)
	}
}

func TestADetailThatDoesNotEncodeIsNamedInTheMessage(t *testing.T) {
	broken := ab.NewUserError("X", "why", &testpb.EchoRequest{Text: "\xff"}, nil)
	if len(broken.Details) != 0 || !strings.Contains(broken.Message, "*testpb.EchoRequest does not encode") {
		t.Errorf("it is %+v", broken)
	}
}

func TestAReplyThatCannotTravelIsToldToTheAskerAndNeverAsUnhandled(t *testing.T) {
	for name, c := range map[string]struct {
		reply *testpb.EchoReply
		want  error
	}{
		"over 16 MiB":      {&testpb.EchoReply{Data: make([]byte, 17<<20)}, ab.ErrTooLarge},
		"that is no UTF-8": {&testpb.EchoReply{Text: "\xff"}, &ab.UserError{Code: "INVALID_ARGUMENT"}},
	} {
		a, b := pair(t)
		spawnFunc(t, b, "wordy", func(_ ab.Context, m *ab.Message) error { return m.Reply(c.reply) })
		_, err := ab.Ask[*testpb.EchoReply](t.Context(), refOf(t, a, "ab:///wordy"), &testpb.EchoRequest{}, ab.Timeout(long))
		var fault *ab.Error
		if !errors.Is(err, c.want) || !errors.As(err, &fault) || fault.Effect == ab.EffectNone {
			t.Errorf("a reply %s is %v", name, err)
		}
	}
}
