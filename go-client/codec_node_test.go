package actorbridge_test

import (
	"errors"
	"fmt"
	"testing"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
)

var codecs = []ab.Codec{ab.Protobuf, ab.JSON, ab.MessagePack}

// shows spawns an echo that shows the payloads that come.
func shows(t *testing.T, node *ab.Node, path string) <-chan string {
	t.Helper()
	came := make(chan string, 1000)
	spawnFunc(t, node, path, func(_ ab.Context, m *ab.Message) error {
		came <- string(m.Payload())
		request := new(testpb.EchoRequest)
		if err := m.Decode(request); err != nil {
			return err
		}
		return ab.Answer(m, &testpb.EchoReply{Text: request.Text}, nil)
	})
	return came
}

func expectEcho(t *testing.T, came <-chan string, codec ab.Codec, text string) {
	t.Helper()
	want, err := codec.Marshal(&testpb.EchoRequest{Text: text})
	if got := receive(t, "a message", came); err != nil || got != string(want) {
		t.Errorf("in %v comes %q, not %q, %v", codec, got, want, err)
	}
}

func TestANodeSendsInItsCodecUnlessTheRefSaysAnotherOne(t *testing.T) {
	for _, ofNode := range codecs {
		b := start(t, "b", ab.WithCodec(ab.JSON))
		a := start(t, "a", ab.WithCodec(ofNode), ab.WithLink(abtest.Door(b)))
		cames := map[string]<-chan string{"there": shows(t, b, "there"), "here": shows(t, a, "here")}
		for path, came := range cames {
			to := refOf(t, a, "ab:///"+path)
			for ref, codec := range map[ab.Ref]ab.Codec{
				to: ofNode, to.Using(ab.Protobuf): ab.Protobuf, to.Using(ab.JSON): ab.JSON,
				to.Using(ab.MessagePack): ab.MessagePack,
			} {
				for _, ask := range []func() (*testpb.EchoReply, error){
					func() (*testpb.EchoReply, error) {
						return ab.Ask[*testpb.EchoReply](t.Context(), ref, &testpb.EchoRequest{Text: "größe"})
					},
					func() (*testpb.EchoReply, error) {
						return ab.AskInline[*testpb.EchoReply](t.Context(), ref, &testpb.EchoRequest{Text: "größe"})
					},
				} {
					if reply, err := ask(); err != nil || reply.Text != "größe" {
						t.Errorf("asked in %v: %v, %v", codec, reply, err)
					}
					expectEcho(t, came, codec, "größe")
				}
				for _, err := range []error{
					a.Tell(t.Context(), ref, &testpb.EchoRequest{}), a.TryTell(ref, &testpb.EchoRequest{Text: "x"}),
				} {
					if err != nil {
						t.Fatal(err)
					}
				}
				expectEcho(t, came, codec, "")
				expectEcho(t, came, codec, "x")
			}
		}
	}
}

func TestAReplyComesInTheCodecOfItsAsk(t *testing.T) {
	// The node that answers would send in another one.
	for asked, other := range map[ab.Codec]ab.Codec{
		ab.Protobuf: ab.JSON, ab.JSON: ab.MessagePack, ab.MessagePack: ab.Protobuf,
	} {
		b := start(t, "b", ab.WithCodec(other))
		a := start(t, "a", ab.WithCodec(asked), ab.WithLink(abtest.Door(b)))
		shows(t, b, "there")
		want, err := asked.Marshal(&testpb.EchoReply{Text: "x"})
		if err != nil {
			t.Fatal(err)
		}
		reply, err := a.Ask(t.Context(), refOf(t, a, "ab:///there"), &testpb.EchoRequest{Text: "x"})
		if err != nil || string(reply.Payload()) != string(want) {
			t.Errorf("asked in %v, the reply is %q, not %q, %v", asked, reply.Payload(), want, err)
		}
		answers := make(chan string, 1)
		asker := spawnFunc(t, a, "asker", func(ctx ab.Context, m *ab.Message) error {
			if m.IsAsk() || len(m.Note()) == 0 {
				return ctx.Request(refOf(t, a, "ab:///there"), &testpb.EchoRequest{Text: "x"}, long, []byte("note"))
			}
			answers <- string(m.Payload())
			return nil
		})
		if err = a.Tell(t.Context(), asker, &testpb.EchoRequest{}); err != nil {
			t.Fatal(err)
		}
		if got := receive(t, "the answer", answers); got != string(want) {
			t.Errorf("requested in %v, the answer is %q, not %q", asked, got, want)
		}
	}
}

func TestMessagesInSeveralCodecsKeepTheirOrder(t *testing.T) {
	a, b := pair(t)
	came, to := shows(t, b, "there"), refOf(t, a, "ab:///there")
	for i := range 300 {
		if err := a.Tell(t.Context(), to.Using(codecs[i%3]), &testpb.EchoRequest{Text: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 300 {
		expectEcho(t, came, codecs[i%3], fmt.Sprint(i))
	}
}

func TestAnOlderVersionIsWrittenInTheSameCodec(t *testing.T) {
	for _, codec := range codecs {
		a, b := reading(t, tooNew, 2)
		came := make(chan *testpb.TooNew, 1)
		spawnFunc(t, b, "reader", func(_ ab.Context, m *ab.Message) error {
			read := new(testpb.TooNew)
			if err := codec.Unmarshal(m.Payload(), read); err != nil || m.Version() != 2 {
				t.Errorf("in %v comes %q of version %d, %v", codec, m.Payload(), m.Version(), err)
			}
			came <- read
			return nil
		})
		if err := a.Tell(t.Context(), refOf(t, a, "ab:///reader").Using(codec), &testpb.TooNew{Text: "x"}); err != nil {
			t.Fatal(err)
		}
		if read := receive(t, "the message", came); read.Text != "x-5-2" {
			t.Errorf("in %v it is %q", codec, read.Text)
		}
	}
}

func TestAFailureAndAReplyWithoutAnEncodingComeToAJSONAsker(t *testing.T) {
	b := start(t, "b")
	a := start(t, "a", ab.WithCodec(ab.JSON), ab.WithLink(abtest.Door(b)))
	spawnFunc(t, b, "actor", func(_ ab.Context, m *ab.Message) error {
		if m.Type() == "actorbridge.test.v1.GetCount" {
			return m.Reply(&testpb.EchoReply{Text: "\xff"})
		}
		return ab.NewUserError("FAILED", "no", &testpb.PanicNow{Text: "no"})
	})
	to := refOf(t, a, "ab:///actor")
	_, err := a.Ask(t.Context(), to, &testpb.EchoRequest{})
	var user *ab.UserError
	if !errors.As(err, &user) || user.Code != "FAILED" {
		t.Errorf("the actor's own error is %v", err)
	}
	_, err = a.Ask(t.Context(), to, &testpb.GetCount{})
	if !errors.Is(err, &ab.UserError{Code: "INVALID_ARGUMENT"}) {
		t.Errorf("a reply that is not UTF-8 is %v", err)
	}
}

func TestACodecThatThereIsNot(t *testing.T) {
	if _, err := ab.Start(t.Context(), "a", ab.WithCodec(3)); !errors.Is(err, ab.ErrInvalidArgument) {
		t.Error(err)
	}
	a, b := pair(t)
	shows(t, b, "there")
	to := refOf(t, a, "ab:///there").Using(7)
	if err := a.Tell(t.Context(), to, &testpb.EchoRequest{}); !errors.Is(err, ab.ErrInvalidArgument) {
		t.Error(err)
	}
}
