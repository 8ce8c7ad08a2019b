package actorbridge_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
)

var (
	rawTick = ab.NewRawType("ticks.v1.Tick")
	rawMark = ab.NewRawType("ticks.v1.Mark")
	// rawEcho has the name of a type that others encode.
	rawEcho = ab.NewRawType("actorbridge.test.v1.EchoRequest")
)

// rawNodes runs a test with an asker at a and an actor at b: by a link, and within one node.
func rawNodes(t *testing.T, test func(t *testing.T, a, b *ab.Node)) {
	t.Run("linked", func(t *testing.T) {
		a, b := pair(t)
		test(t, a, b)
	})
	t.Run("one node", func(t *testing.T) {
		a := start(t, "a")
		test(t, a, a)
	})
}

// collector spawns an actor that hands the payloads of ticks to the channel.
func collector(t *testing.T, node *ab.Node, path string, size int) <-chan string {
	t.Helper()
	came := make(chan string, size)
	spawnFunc(t, node, path, func(_ ab.Context, m *ab.Message) error {
		payload, err := m.Raw(rawTick)
		if err == nil {
			came <- string(payload)
		}
		return err
	})
	return came
}

func expectTicks(t *testing.T, came <-chan string, first, last int) {
	t.Helper()
	for i := first; i <= last; i++ {
		if got := receive(t, "a tick", came); got != fmt.Sprint("tick ", i) {
			t.Fatalf("in the place of tick %d came %q", i, got)
		}
	}
}

func TestRawTellsComeAsTheyAreInOrderAndTheirBytesAreTheCallersAgain(t *testing.T) {
	rawNodes(t, func(t *testing.T, a, b *ab.Node) {
		const n = 3000
		came := collector(t, b, "collector", n)
		to, ctx := refOf(t, a, "ab:///collector"), t.Context()
		payload, two := make([]byte, 0, 64), make([][]byte, 2)
		for i := 1; i <= n; i += 3 {
			payload = fmt.Append(payload[:0], "tick ", i)
			if err := a.TellRaw(ctx, to, rawTick, payload); err != nil {
				t.Fatal(err)
			}
			two[0], two[1] = fmt.Append(two[0][:0], "tick ", i+1), fmt.Append(two[1][:0], "tick ", i+2)
			if sent, err := a.TellRawAll(ctx, to, rawTick, two); sent != 2 || err != nil {
				t.Fatalf("of two were sent %d, %v", sent, err)
			}
			for _, used := range [][]byte{payload, two[0], two[1]} {
				clear(used)
			}
		}
		expectTicks(t, came, 1, n)
	})
}

func TestARawMessageMayBeEmpty(t *testing.T) {
	rawNodes(t, func(t *testing.T, a, b *ab.Node) {
		came := collector(t, b, "collector", 2)
		to := refOf(t, a, "ab:///collector")
		if sent, err := a.TellRawAll(t.Context(), to, rawTick, [][]byte{nil, {}}); sent != 2 || err != nil {
			t.Fatalf("of two were sent %d, %v", sent, err)
		}
		for range 2 {
			if got := receive(t, "an empty tick", came); got != "" {
				t.Errorf("it came as %q", got)
			}
		}
		if sent, err := a.TellRawAll(t.Context(), to, rawTick, nil); sent != 0 || err != nil {
			t.Errorf("of none were sent %d, %v", sent, err)
		}
	})
}

func TestRawTellsOfAHandlerLeaveWhenItHasReturned(t *testing.T) {
	rawNodes(t, func(t *testing.T, a, b *ab.Node) {
		came := collector(t, b, "collector", 8)
		to := refOf(t, a, "ab:///collector")
		early := make(chan bool, 1)
		stages := spawnFunc(t, a, "stages", func(ctx ab.Context, m *ab.Message) error {
			payload := []byte("tick 1")
			err := ctx.Node().TellRaw(ctx, to, rawTick, payload)
			copy(payload, "gone..")
			derived, cancel := context.WithCancel(ctx)
			defer cancel()
			sent, errAll := ctx.Node().TellRawAll(derived, to, rawTick, [][]byte{[]byte("tick 2"), []byte("tick 3")})
			if sent != 2 {
				t.Errorf("of two were staged %d", sent)
			}
			early <- len(came) > 0
			return errors.Join(err, errAll)
		})
		if err := a.Tell(t.Context(), stages, &testpb.Hold{}); err != nil {
			t.Fatal(err)
		}
		if receive(t, "the handler's look", early) {
			t.Error("a tick came while its sender's handler ran")
		}
		expectTicks(t, came, 1, 3)
	})
}

func TestTheOutboxOfAHandlerBoundsItsRawTells(t *testing.T) {
	rawNodes(t, func(t *testing.T, a, b *ab.Node) {
		const most = 1024
		came := collector(t, b, "collector", most)
		to := refOf(t, a, "ab:///collector")
		told := make(chan error, 1)
		sent := 0
		stages := spawnFunc(t, a, "stages", func(ctx ab.Context, m *ab.Message) error {
			payloads := make([][]byte, most+1)
			for i := range payloads {
				payloads[i] = fmt.Append(nil, "tick ", i+1)
			}
			var err error
			sent, err = ctx.Node().TellRawAll(ctx, to, rawTick, payloads)
			told <- err
			return nil
		})
		if err := a.Tell(t.Context(), stages, &testpb.Hold{}); err != nil {
			t.Fatal(err)
		}
		if err := receive(t, "the end of the sends", told); sent != most || !errors.Is(err, ab.ErrMailboxFull) {
			t.Errorf("%d were staged, then %v; want %d and MAILBOX_FULL", sent, err, most)
		}
		expectTicks(t, came, 1, most)
	})
}

// asked spawns an actor that answers ticks with what it is given to do.
func asked(t *testing.T, a, b *ab.Node, answer func(m *ab.Message, payload []byte) error) ab.Ref {
	t.Helper()
	spawnFunc(t, b, "asked", func(_ ab.Context, m *ab.Message) error {
		payload, err := m.Raw(rawTick)
		if err != nil {
			return err
		}
		return answer(m, payload)
	})
	return refOf(t, a, "ab:///asked")
}

func TestARawAskIsAnsweredWithARawReplyOfAnyName(t *testing.T) {
	for _, reply := range []*ab.RawType{rawTick, rawMark} {
		rawNodes(t, func(t *testing.T, a, b *ab.Node) {
			to := asked(t, a, b, func(m *ab.Message, payload []byte) error {
				bytes := slices.Concat(payload, payload)
				err := m.ReplyRaw(reply, bytes)
				clear(bytes)
				return err
			})
			for _, text := range []string{"", "a", strings.Repeat("b", 20_000)} {
				got, err := a.AskRaw(t.Context(), to, rawTick, []byte(text))
				if err != nil || string(got) != text+text {
					t.Errorf("of %d bytes came %d back, %v", len(text), len(got), err)
				}
				got, err = a.AskRawInline(t.Context(), to, rawTick, []byte(text))
				if err != nil || string(got) != text+text {
					t.Errorf("inline, of %d bytes came %d back, %v", len(text), len(got), err)
				}
			}
		})
	}
}

func TestARawAskerIsToldOfAReplyThatIsEncodedAndThatItWasHandled(t *testing.T) {
	rawNodes(t, func(t *testing.T, a, b *ab.Node) {
		to := asked(t, a, b, func(m *ab.Message, _ []byte) error { return m.Reply(&testpb.EchoReply{Text: "x"}) })
		_, err := a.AskRaw(t.Context(), to, rawTick, nil)
		var fault *ab.Error
		if !errors.Is(err, ab.ErrUnsupportedType) || !errors.As(err, &fault) || fault.Effect != ab.EffectDone ||
			!strings.Contains(err.Error(), "actorbridge.test.v1.EchoReply") {
			t.Errorf("its asker is told %v", err)
		}
	})
}

func TestARawAskFailsAsOthersDo(t *testing.T) {
	rawNodes(t, func(t *testing.T, a, b *ab.Node) {
		to := asked(t, a, b, func(_ *ab.Message, payload []byte) error {
			switch string(payload) {
			case "panic":
				panic("planned")
			case "own":
				return &ab.UserError{Code: "NO_SUCH_TICK"}
			}
			return nil
		})
		for payload, want := range map[string]error{
			"panic": ab.ErrPanicked, "own": &ab.UserError{Code: "NO_SUCH_TICK"}, "silent": ab.ErrHandlerError,
		} {
			if _, err := a.AskRaw(t.Context(), to, rawTick, []byte(payload), ab.Timeout(long)); !errors.Is(err, want) {
				t.Errorf("%s: the asker is told %v, want %v", payload, err, want)
			}
		}
		if _, err := a.AskRaw(t.Context(), refOf(t, a, "ab:///nobody"), rawTick, nil); !errors.Is(err, ab.ErrNoSuchActor) {
			t.Errorf("nobody answers %v", err)
		}
	})
}

func TestRawAndEncodedMessagesOfOneNameAreNotTakenForEachOther(t *testing.T) {
	rawNodes(t, func(t *testing.T, a, b *ab.Node) {
		spawn(t, b, "typed")
		spawnFunc(t, b, "raw", func(_ ab.Context, m *ab.Message) error {
			payload, err := m.Raw(rawEcho)
			if err != nil {
				return err
			}
			return m.ReplyRaw(rawEcho, payload)
		})
		typed, raw := refOf(t, a, "ab:///typed"), refOf(t, a, "ab:///raw")
		payload, err := proto.Marshal(&testpb.EchoRequest{Text: "hi"})
		if err != nil {
			t.Fatal(err)
		}
		var fault *ab.Error
		_, err = a.AskRaw(t.Context(), typed, rawEcho, payload)
		if !errors.As(err, &fault) || fault.Code != ab.CodeUnsupportedCodec || fault.Effect != ab.EffectNone {
			t.Errorf("a typed handler answers a raw message with %v", err)
		}
		_, err = ab.Ask[*testpb.EchoReply](t.Context(), raw, &testpb.EchoRequest{Text: "hi"})
		if !errors.As(err, &fault) || fault.Code != ab.CodeUnsupportedCodec || fault.Effect != ab.EffectNone ||
			!strings.Contains(err.Error(), "is read raw here, and came encoded") {
			t.Errorf("a raw handler answers an encoded message with %v", err)
		}
		if _, err = a.AskRaw(t.Context(), raw, rawTick, payload); !errors.Is(err, ab.ErrUnsupportedType) {
			t.Errorf("a raw handler answers a raw message of another type with %v", err)
		}
		if err := a.TellRaw(t.Context(), typed, rawEcho, payload); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the tell's dead letter", func() bool {
			return b.DeadLetterCounts()[ab.CodeUnsupportedCodec.String()] >= 1
		})
		if got, err := a.AskRaw(t.Context(), raw, rawEcho, payload); err != nil || string(got) != string(payload) {
			t.Errorf("of its own type it answers %q, %v", got, err)
		}
	})
}

func TestARawMessageThatIsTooLargeIsRefusedAndThoseBeforeItAreSent(t *testing.T) {
	rawNodes(t, func(t *testing.T, a, b *ab.Node) {
		came := collector(t, b, "collector", 8)
		to, ctx := refOf(t, a, "ab:///collector"), t.Context()
		large := make([]byte, 17<<20)
		if err := a.TellRaw(ctx, to, rawTick, large); !errors.Is(err, ab.ErrTooLarge) {
			t.Errorf("17 MiB are %v", err)
		}
		sent, err := a.TellRawAll(ctx, to, rawTick, [][]byte{[]byte("tick 1"), []byte("tick 2"), large, []byte("tick 3")})
		if sent != 2 || !errors.Is(err, ab.ErrTooLarge) {
			t.Errorf("of four, the third of them too large, were sent %d, %v", sent, err)
		}
		if _, err := a.AskRaw(ctx, to, rawTick, large); !errors.Is(err, ab.ErrTooLarge) {
			t.Errorf("an ask of 17 MiB is %v", err)
		}
		most := string(make([]byte, 16<<20))
		if err := a.TellRaw(ctx, to, rawTick, []byte(most)); err != nil {
			t.Errorf("16 MiB are %v", err)
		}
		expectTicks(t, came, 1, 2)
		if got := receive(t, "the largest tick", came); got != most {
			t.Errorf("of 16 MiB came %d bytes", len(got))
		}
	})
}

func TestRawTellsWaitForRoomUntilTheirContextEnds(t *testing.T) {
	rawNodes(t, func(t *testing.T, a, b *ab.Node) {
		const room = 16
		gate, came := make(chan struct{}), make(chan string, 1000)
		open := func() { close(gate) }
		t.Cleanup(func() {
			if open != nil {
				open()
			}
		})
		_, err := b.Spawn("slow", func() ab.Receiver {
			return ab.ReceiverFunc(func(_ ab.Context, m *ab.Message) error {
				payload, err := m.Raw(rawTick)
				<-gate
				came <- string(payload)
				return err
			})
		}, ab.Mailbox(room))
		if err != nil {
			t.Fatal(err)
		}
		payloads := make([][]byte, 500)
		for i := range payloads {
			payloads[i] = fmt.Append(nil, "tick ", i+1)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var sent int
		ended := make(chan error, 1)
		go func() {
			var err error
			sent, err = a.TellRawAll(ctx, refOf(t, a, "ab:///slow"), rawTick, payloads)
			ended <- err
		}()
		eventually(t, "the full mailbox", func() bool { return depth(t, b, "slow") == room })
		cancel()
		if err := receive(t, "the end of the sends", ended); sent != room || !errors.Is(err, context.Canceled) {
			t.Errorf("to a mailbox of %d were sent %d, then %v", room, sent, err)
		}
		open()
		open = nil
		expectTicks(t, came, 1, sent)
		if _, err := a.TellRawAll(t.Context(), refOf(t, a, "ab:///slow"), rawTick, payloads[sent:]); err != nil {
			t.Error(err)
		}
		expectTicks(t, came, sent+1, len(payloads))
	})
}
