package actorbridge_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/remote"
)

// largeDoors are pairs of nodes, by what links them.
func largeDoors(t *testing.T, test func(t *testing.T, a, b *ab.Node)) {
	dialled := func(address string) func(t *testing.T) (a, b *ab.Node) {
		return func(t *testing.T) (a, b *ab.Node) {
			b, at := listening(t, address)
			return start(t, "a", ab.WithLink(remote.Door(at))), b
		}
	}
	for name, nodes := range map[string]func(t *testing.T) (a, b *ab.Node){
		"memory": func(t *testing.T) (a, b *ab.Node) { return pair(t) },
		"tcp":    dialled("tcp://127.0.0.1:0"),
		"unix":   dialled("unix://" + filepath.Join(t.TempDir(), "b.sock")),
	} {
		t.Run(name, func(t *testing.T) {
			a, b := nodes(t)
			test(t, a, b)
		})
	}
}

// patterned is a payload that is nowhere the same.
func patterned(size int) []byte {
	payload := make([]byte, size)
	for i := range payload {
		payload[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return payload
}

func TestLargeMessagesComeWholeAndInOrder(t *testing.T) {
	sizes := []int{10, 65_400, 65_536, 20, 1 << 20, 30, 16 << 20, 40, 200_000, 5 << 20, 0}
	largeDoors(t, func(t *testing.T, a, b *ab.Node) {
		came := make(chan []byte, len(sizes))
		spawnFunc(t, b, "collector", func(_ ab.Context, m *ab.Message) error {
			payload, err := m.Raw(rawTick)
			came <- payload
			return err
		})
		to := refOf(t, a, "ab:///collector")
		go func() {
			for _, size := range sizes {
				if err := a.TellRaw(t.Context(), to, rawTick, patterned(size)); err != nil {
					t.Errorf("%d bytes are not told: %v", size, err)
				}
			}
		}()
		for _, size := range sizes {
			if got := receive(t, fmt.Sprint(size, " bytes"), came); !bytes.Equal(got, patterned(size)) {
				t.Fatalf("in the place of %d bytes came %d, or others", size, len(got))
			}
		}
	})
}

func TestLargeAsksAreAnsweredInFull(t *testing.T) {
	largeDoors(t, func(t *testing.T, a, b *ab.Node) {
		spawnFunc(t, b, "echo", func(_ ab.Context, m *ab.Message) error {
			payload, err := m.Raw(rawEcho)
			return errors.Join(err, m.ReplyRaw(rawEcho, payload))
		})
		to := refOf(t, a, "ab:///echo")
		for _, size := range []int{65_536, 1 << 20, 16 << 20} {
			got, err := a.AskRaw(t.Context(), to, rawEcho, patterned(size), ab.Timeout(patience))
			if err != nil || !bytes.Equal(got, patterned(size)) {
				t.Errorf("an ask of %d bytes has an answer of %d, %v", size, len(got), err)
			}
		}
		failed := make(chan error, 8)
		for range cap(failed) {
			go func() {
				got, err := a.AskRaw(t.Context(), to, rawEcho, patterned(3<<20), ab.Timeout(patience))
				if err == nil && !bytes.Equal(got, patterned(3<<20)) {
					err = errors.New("the answer is another")
				}
				failed <- err
			}()
		}
		for range cap(failed) {
			if err := receive(t, "an answer", failed); err != nil {
				t.Errorf("one of several asks: %v", err)
			}
		}
	})
}

func TestLargeMessagesOfASlowActorWaitAtTheirSenderAndHoldUpNobodyElse(t *testing.T) {
	largeDoors(t, func(t *testing.T, a, b *ab.Node) {
		gate, came := make(chan struct{}), make(chan int, 100)
		spawnFunc(t, b, "slow", func(_ ab.Context, m *ab.Message) error {
			<-gate
			payload, err := m.Raw(rawTick)
			came <- len(payload)
			return err
		})
		spawnFunc(t, b, "quick", func(_ ab.Context, m *ab.Message) error {
			payload, err := m.Raw(rawEcho)
			return errors.Join(err, m.ReplyRaw(rawEcho, payload))
		})
		slow, quick := refOf(t, a, "ab:///slow"), refOf(t, a, "ab:///quick")
		told := 0
		for ; told < cap(came); told++ {
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			err := a.TellRaw(ctx, slow, rawTick, patterned(1<<20))
			cancel()
			if errors.Is(err, context.DeadlineExceeded) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if told == 0 || told > 5 {
			t.Errorf("%d messages of 1 MiB are taken for one actor; at most 4 MiB should be, and what it handles", told)
		}
		for _, size := range []int{10, 2 << 20} {
			if got, err := a.AskRaw(t.Context(), quick, rawEcho, patterned(size), ab.Timeout(patience)); err != nil || len(got) != size {
				t.Errorf("another actor answers %d bytes of %d, %v", len(got), size, err)
			}
		}
		close(gate)
		for range told {
			if size := receive(t, "what was told", came); size != 1<<20 {
				t.Errorf("it came with %d bytes", size)
			}
		}
		if err := a.TellRaw(t.Context(), slow, rawTick, patterned(1<<20)); err != nil {
			t.Error(err)
		}
		receive(t, "what was told later", came)
	})
}

func TestALargeAskThatIsCancelledOnItsWayHoldsUpNothing(t *testing.T) {
	largeDoors(t, func(t *testing.T, a, b *ab.Node) {
		came := collector(t, b, "collector", 100)
		to := refOf(t, a, "ab:///collector")
		for i := range 20 {
			ctx, cancel := context.WithCancel(t.Context())
			asked := make(chan error, 1)
			go func() {
				_, err := a.AskRaw(ctx, to, rawEcho, patterned(8<<20), ab.Timeout(long))
				asked <- err
			}()
			if i%2 == 0 {
				if err := a.TellRaw(t.Context(), to, rawTick, fmt.Append(nil, "tick ", 2*i)); err != nil {
					t.Fatal(err)
				}
				receive(t, "a tick beside the ask", came)
			}
			cancel()
			if err := receive(t, "the end of the ask", asked); !errors.Is(err, context.Canceled) && !errors.Is(err, ab.ErrUnsupportedType) {
				t.Errorf("an ask that is given up fails with %v", err)
			}
			if err := a.TellRaw(t.Context(), to, rawTick, patterned(70_000)); err != nil {
				t.Fatal(err)
			}
			if got := receive(t, "a large tick", came); len(got) != 70_000 {
				t.Fatalf("it has %d bytes", len(got))
			}
		}
	})
}
