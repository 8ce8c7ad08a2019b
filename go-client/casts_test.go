package actorbridge_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	actorbridgev1 "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

const tooNew = "actorbridge.test.v1.TooNew" // its version is 9, and so is the least reader

// The casts of TooNew write into its text what they did.
func init() {
	up := func(from uint32) {
		ab.Upcast(from, func(m *testpb.TooNew) error {
			if strings.HasPrefix(m.Text, "stuck") {
				return errors.New("it says stuck")
			}
			m.Text += fmt.Sprintf("+%d", from)
			return nil
		})
	}
	up(5)
	up(1)
	up(2)
	down := func(to, minReader uint32) {
		ab.Downcast(to, minReader, func(m *testpb.TooNew) error {
			if m.Text == fmt.Sprintf("no %d", to) {
				return errors.New("it says no")
			}
			m.Text += fmt.Sprintf("-%d", to)
			return nil
		})
	}
	down(2, 1)
	down(5, 3)
}

// mirror answers with the version and the bytes that came.
func mirror(_ ab.Context, m *ab.Message) error {
	return m.Reply(&testpb.EchoReply{Text: fmt.Sprint(m.Version()), Data: m.Payload()})
}

// reading is a node whose peer says that it reads version of the type; 0 = it says nothing of it.
func reading(t *testing.T, name string, version uint32) (a, b *ab.Node) {
	t.Helper()
	var options []ab.Option
	if version > 0 {
		options = append(options, ab.WithReads(ab.Reads{Type: name, Version: version, MinReader: 1}))
	}
	b = start(t, "b", options...)
	return start(t, "a", ab.WithLink(abtest.Door(b))), b
}

func TestAWriterWritesTheNewestVersionThatItsPeerReads(t *testing.T) {
	for _, c := range []struct {
		reads uint32 // 0 = the peer says nothing of the type
		comes string
	}{{0, "9 x"}, {12, "9 x"}, {9, "9 x"}, {8, "5 x-5"}, {3, "5 x-5"}, {2, "2 x-5-2"}, {1, "2 x-5-2"}} {
		t.Run(fmt.Sprint("version ", c.reads), func(t *testing.T) {
			a, b := reading(t, tooNew, c.reads)
			spawnFunc(t, b, "mirror", mirror)
			message := &testpb.TooNew{Text: "x"}
			reply, err := ab.Ask[*testpb.EchoReply](t.Context(), a.RefAt("ab:///mirror"), message)
			if err != nil {
				t.Fatal(err)
			}
			var came testpb.TooNew
			if err := proto.Unmarshal(reply.Data, &came); err != nil || reply.Text+" "+came.Text != c.comes {
				t.Errorf("version %s comes as %q, %v; want %q", reply.Text, came.Text, err, c.comes)
			}
			if message.Text != "x" {
				t.Errorf("the sender's own message was changed to %q", message.Text)
			}
		})
	}
}

func TestAReplyIsWrittenForItsAskerAndUpcastThere(t *testing.T) {
	for version, want := range map[uint32]string{9: "x", 4: "x-5+5", 1: "x-5-2+2+5"} {
		a, b := reading(t, tooNew, version)
		spawnFunc(t, a, "writer", func(_ ab.Context, m *ab.Message) error { return m.Reply(&testpb.TooNew{Text: "x"}) })
		reply, err := ab.Ask[*testpb.TooNew](t.Context(), b.RefAt("ab:///writer"), &testpb.Hold{})
		if err != nil || reply.Text != want {
			t.Errorf("an asker of version %d gets %v, %v; want %q", version, reply, err, want)
		}
	}
}

func TestWhatOlderWritersWroteIsUpcastVersionByVersion(t *testing.T) {
	node := start(t, "a")
	to := spawnFunc(t, node, "reader", func(_ ab.Context, m *ab.Message) error {
		message, err := m.Open()
		if err != nil {
			return err
		}
		return m.Reply(&testpb.EchoReply{Text: message.(*testpb.TooNew).Text})
	})
	written := func(version uint32, text string) proto.Message {
		m := anotherSchema(t, "TooNew", descriptorpb.FieldDescriptorProto_TYPE_STRING,
			&actorbridgev1.MessageOptions{Version: version, MinReader: 1})
		if err := proto.Unmarshal(encoded(t, &testpb.TooNew{Text: text}), m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	for version, want := range map[uint32]string{0: "x+1+2+5", 1: "x+1+2+5", 2: "x+2+5", 3: "x+5", 5: "x+5", 6: "x", 9: "x", 12: "x"} {
		reply, err := ab.Ask[*testpb.EchoReply](t.Context(), to, written(version, "x"))
		if err != nil || reply.Text != want {
			t.Errorf("what version %d wrote is read as %v, %v; want %q", version, reply, err, want)
		}
	}
	_, err := ab.Ask[*testpb.EchoReply](t.Context(), to, written(2, "stuck"))
	if !errors.Is(err, ab.ErrUndecodable) || !strings.Contains(err.Error(), "version 2 does not become version 3: it says stuck") {
		t.Errorf("an upcast that fails is %v", err)
	}
}

// late registers a cast once, however often the tests run.
var late = sync.OnceFunc(func() {
	ab.Upcast(3, func(m *testpb.TooNew) error {
		m.Text = strings.Replace(m.Text, "late", "late+3", 1)
		return nil
	})
})

func TestACastThatIsRegisteredWhenItsTypeWasUsedLastCountsAtOnce(t *testing.T) {
	node := start(t, "a")
	read := make(chan string, 1)
	to := spawnFunc(t, node, "reader", func(_ ab.Context, m *ab.Message) error {
		message, err := m.Open()
		if err != nil {
			return err
		}
		read <- message.(*testpb.TooNew).Text
		return nil
	})
	written := anotherSchema(t, "TooNew", descriptorpb.FieldDescriptorProto_TYPE_STRING,
		&actorbridgev1.MessageOptions{Version: 3, MinReader: 1})
	if err := proto.Unmarshal(encoded(t, &testpb.TooNew{Text: "late"}), written); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time it is known
		if err := ab.Encode(&testpb.TooNew{}); err != nil {
			t.Fatal(err)
		}
	}
	late()
	if err := node.Tell(t.Context(), to, written); err != nil {
		t.Fatal(err)
	}
	if text := receive(t, "what was read", read); text != "late+3+5" {
		t.Errorf("it is read as %s", text)
	}
}

func encoded(t *testing.T, m proto.Message) []byte {
	t.Helper()
	out, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// refusedFor holds that err is UNSUPPORTED_VERSION without effect, and names both versions.
func refusedFor(t *testing.T, what string, err error, says string) {
	t.Helper()
	var fault *ab.Error
	if !errors.As(err, &fault) || fault.Code != ab.CodeUnsupportedVersion || fault.Effect != ab.EffectNone ||
		fault.ReaderVersion != 1 || !strings.Contains(fault.Detail, says) {
		t.Errorf("%s is refused with %v", what, err)
	}
}

func TestAMessageThatItsPeerCannotReadIsRefusedBeforeItIsSent(t *testing.T) {
	a, b := reading(t, "actorbridge.test.v1.EchoRequest", 1)
	reader := abtest.NewProbe(t, b, "reader")
	message := anotherSchema(t, "EchoRequest", descriptorpb.FieldDescriptorProto_TYPE_STRING,
		&actorbridgev1.MessageOptions{Version: 4, MinReader: 2})
	to := a.RefAt("ab:///reader")
	const says = "EchoRequest of version 4 needs a reader of version 2; node b reads version 1"
	refusedFor(t, "a tell", a.Tell(t.Context(), to, message), says)
	refusedFor(t, "a TryTell", a.TryTell(to, message), says)
	_, err := a.Ask(t.Context(), to, message)
	refusedFor(t, "an ask", err, says)
	failures := make(chan error, 1)
	asker := spawnFunc(t, a, "asker", func(ctx ab.Context, m *ab.Message) error {
		if m.Kind() == actorbridgev1.Kind_KIND_TELL {
			return errors.Join(ctx.Tell(to, message), ctx.Request(to, message, long, nil))
		}
		failures <- m.Failure()
		return nil
	})
	if err := a.Tell(t.Context(), asker, &testpb.Hold{}); err != nil {
		t.Fatal(err)
	}
	refusedFor(t, "a request", receive(t, "the failure of the request", failures), says)
	letters := a.DeadLetters()
	if len(letters) != 2 || letters[0].Code != ab.CodeUnsupportedVersion || !strings.Contains(letters[0].Detail, says) {
		t.Errorf("what a handler told and requested leaves the dead letters %v", letters)
	}
	if err := a.Tell(t.Context(), to, &testpb.Hold{}); err != nil {
		t.Fatal(err)
	}
	abtest.Expect[*testpb.Hold](t, reader) // and nothing before it
	reader.ExpectNoneFor(time.Millisecond)
	if letters := b.DeadLetters(); len(letters) > 0 {
		t.Errorf("the reader has the dead letters %v", letters)
	}
}

func TestAMissingOlderVersionSaysWhyItIsMissing(t *testing.T) {
	a, b := reading(t, tooNew, 1)
	spawnFunc(t, b, "mirror", mirror)
	_, err := ab.Ask[*testpb.EchoReply](t.Context(), a.RefAt("ab:///mirror"), &testpb.TooNew{Text: "no 5"})
	refusedFor(t, "it", err, "node b reads version 1; version 5 cannot be written: it says no")
}

func TestAReplyThatItsAskerCannotReadIsToldWithEffectDone(t *testing.T) {
	a, b := reading(t, "actorbridge.test.v1.EchoRequest", 1)
	newer := anotherSchema(t, "EchoRequest", descriptorpb.FieldDescriptorProto_TYPE_STRING,
		&actorbridgev1.MessageOptions{Version: 4, MinReader: 2})
	spawnFunc(t, a, "writer", func(_ ab.Context, m *ab.Message) error { return m.Reply(newer) })
	_, err := ab.Ask[*testpb.EchoRequest](t.Context(), b.RefAt("ab:///writer"), &testpb.Hold{})
	var fault *ab.Error
	if !errors.As(err, &fault) || fault.Code != ab.CodeUnsupportedVersion || fault.Effect != ab.EffectDone || fault.ReaderVersion != 1 {
		t.Errorf("its asker gets %v", err)
	}
}

func TestAReaderThatSaidNothingRefusesByItselfAndNamesBothVersions(t *testing.T) {
	newer := &actorbridgev1.MessageOptions{Version: 9, MinReader: 8}
	// Of no protocol of this program: b's Welcome does not name it.
	err := askWorker(t, anotherSchema(t, "AskThrough", descriptorpb.FieldDescriptorProto_TYPE_STRING, newer))
	refusedFor(t, "it", err, "AskThrough of version 9 needs a reader of version 8; this one reads version 1")
}

func TestWhatAnOlderNodeForwardsArrivesByteForByte(t *testing.T) {
	a, b := reading(t, tooNew, 9)
	spawnFunc(t, a, "mirror", mirror)
	spawnFunc(t, b, "forward", func(ctx ab.Context, m *ab.Message) error {
		return m.Forward(ctx, ctx.Node().RefAt("ab:///mirror"))
	})
	message := &testpb.TooNew{Text: "x"}
	message.ProtoReflect().SetUnknown([]byte{0x9a, 0x06, 0x03, 'n', 'e', 'w'})
	reply, err := ab.Ask[*testpb.EchoReply](t.Context(), a.RefAt("ab:///forward"), message)
	if err != nil || reply.Text != "9" || !bytes.Equal(reply.Data, encoded(t, message)) {
		t.Errorf("it arrives as version %s, % x, %v", reply.GetText(), reply.GetData(), err)
	}
}

// keeper has a state of TooNew.
type keeper struct {
	text     string
	restored chan string
}

func (k *keeper) Receive(_ ab.Context, m *ab.Message) error { return m.Unsupported() }

func (k *keeper) Snapshot(context.Context) (proto.Message, error) {
	return &testpb.TooNew{Text: k.text}, nil
}

func (k *keeper) Restore(_ context.Context, state proto.Message) error {
	k.restored <- state.(*testpb.TooNew).Text
	return nil
}

func TestAStateOfAnOlderVersionIsUpcastBeforeItIsRestored(t *testing.T) {
	restored := make(chan string, 1)
	node := start(t, "a", ab.Factory("keeper", func() ab.Receiver { return &keeper{"x", restored} }))
	to := node.RefAt("ab:///keeper")
	// The actor is made by its first message.
	if _, err := node.Ask(t.Context(), to, &testpb.Hold{}); !errors.Is(err, ab.ErrUnsupportedType) {
		t.Fatal(err)
	}
	snapshot, err := node.Snapshot(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	for version, want := range map[uint32]string{9: "x", 2: "x+2+5", 1: "x+1+2+5"} {
		if err := node.Stop(t.Context(), to, long); err != nil {
			t.Fatal(err)
		}
		snapshot.Version = version
		if _, err := node.Restore(t.Context(), snapshot); err != nil {
			t.Fatal(err)
		}
		if got := receive(t, "the state", restored); got != want {
			t.Errorf("a state of version %d is restored as %q, want %q", version, got, want)
		}
	}
}

func TestAStateThatIsTooNewOrDoesNotBecomeThisVersionIsNotRestoredAndSaysWhy(t *testing.T) {
	restored := make(chan string, 1)
	node := start(t, "a", ab.Factory("keeper/*", func() ab.Receiver { return &keeper{"", restored} }))
	to, err := node.Spawn("keeper/1", func() ab.Receiver { return &keeper{"stuck", restored} })
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := node.Snapshot(t.Context(), to)
	if err == nil {
		err = node.Stop(t.Context(), to, long)
	}
	if err != nil {
		t.Fatal(err)
	}
	for version, want := range map[uint32]ab.Error{
		10: {Code: ab.CodeUnsupportedVersion, ReaderVersion: 9, Detail: "the state is version 10 of " + tooNew + "; 9 is read here"},
		1:  {Code: ab.CodeUndecodable, Detail: "the state: " + tooNew + " of version 1 does not become version 2: it says stuck"},
	} {
		snapshot.Version = version
		_, err := node.Restore(t.Context(), snapshot)
		var got *ab.Error
		if !errors.As(err, &got) || got.Code != want.Code || got.ReaderVersion != want.ReaderVersion || got.Detail != want.Detail {
			t.Errorf("a state of version %d ends with %v, want %s", version, err, want.Detail)
		}
	}
	if len(restored) > 0 {
		t.Error("it was restored")
	}
}

// movedKeeper moves a keeper with this text to a node that says it reads version of its state; 0 = it says nothing.
func movedKeeper(t *testing.T, text string, version uint32) (restored chan string, a *ab.Node, err error) {
	t.Helper()
	restored = make(chan string, 1)
	options := []ab.Option{ab.Factory("keeper/*", func() ab.Receiver { return &keeper{text, restored} })}
	if version > 0 {
		options = append(options, ab.WithReads(ab.Reads{Type: tooNew, Version: version, MinReader: 1}))
	}
	b := start(t, "b", options...)
	a = start(t, "a", ab.WithLink(abtest.Door(b)))
	to, err := a.Spawn("keeper/1", func() ab.Receiver { return &keeper{text, restored} })
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.Move(t.Context(), to, ab.To("b"))
	return restored, a, err
}

func TestAStateMovesAsTheNewestVersionThatTheOtherNodeReads(t *testing.T) {
	for reads, want := range map[uint32]string{0: "x", 9: "x", 8: "x-5+5", 5: "x-5+5", 4: "x-5-2+2+5", 2: "x-5-2+2+5"} {
		t.Run(fmt.Sprint("version ", reads), func(t *testing.T) {
			restored, _, err := movedKeeper(t, "x", reads)
			if err != nil {
				t.Fatal(err)
			}
			if got := receive(t, "the state", restored); got != want {
				t.Errorf("it is restored as %q, want %q", got, want)
			}
		})
	}
}

func TestAnActorWhoseStateTheOtherNodeDoesNotReadStaysAndGoesOn(t *testing.T) {
	for text, says := range map[string]string{
		"x":    "its state is actorbridge.test.v1.TooNew of version 9; node b reads version 1; no downcast writes that",
		"no 5": "its state is actorbridge.test.v1.TooNew of version 9; node b reads version 1; version 5 cannot be written: it says no",
	} {
		restored, a, err := movedKeeper(t, text, 1)
		var fault *ab.Error
		if !errors.As(err, &fault) || fault.Code != ab.CodeUnsupportedVersion || fault.Effect != ab.EffectNone || fault.Detail != says {
			t.Errorf("the move ends with %v, want %s", err, says)
		}
		if _, err := a.Ask(t.Context(), a.RefAt("ab:///keeper/1"), &testpb.Hold{}); !errors.Is(err, ab.ErrUnsupportedType) {
			t.Errorf("it answers with %v afterwards", err)
		}
		if name, epoch := owner(t, a, "keeper/1"); name != "a" || epoch != 1 || len(restored) > 0 {
			t.Errorf("node %s owns it at %d, and %d states were restored", name, epoch, len(restored))
		}
	}
}

func TestACastThatCannotBeMeantIsRefusedWhereItIsWritten(t *testing.T) {
	none := func(*testpb.TooNew) error { return nil }
	for says, register := range map[string]func(){
		"from version 9":    func() { ab.Upcast(9, none) },
		"from version 0":    func() { ab.Upcast(0, none) },
		"from version 5":    func() { ab.Upcast(5, none) },
		"to version 9":      func() { ab.Downcast(9, 1, none) },
		"with min_reader 4": func() { ab.Downcast(3, 4, none) },
		"to version 2 of":   func() { ab.Downcast(2, 1, none) },
	} {
		func() {
			defer func() {
				if text := fmt.Sprint(recover()); !strings.Contains(text, says) || !strings.Contains(text, tooNew) {
					t.Errorf("%s says %s", says, text)
				}
			}()
			register()
		}()
	}
}
