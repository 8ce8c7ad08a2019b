package meter

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestEachOrderGetsAnAnswerWithWhatItsCaseTook(t *testing.T) {
	var bytesSent int64
	times := new(Times)
	cases := []Case{
		{Name: "good", Times: times, Bytes: func() int64 { return bytesSent }, Run: func(_ context.Context, n int) error {
			for i := range n {
				times.Add(time.Duration(i))
			}
			bytesSent += 7
			return nil
		}},
		Of("bad", func(context.Context, int) error { return errors.New("it broke") }),
	}
	orders := `{"case":"good","n":101}` + "\n" + `{"case":"bad","n":1}` + "\n" + `{"case":"other","n":1}` + "\n"
	var out bytes.Buffer
	if err := Serve(t.Context(), strings.NewReader(orders), &out, 0, cases); err != nil {
		t.Fatal(err)
	}
	var answers [3]measured
	for decoder, i := json.NewDecoder(&out), 0; i < 3; i++ {
		if err := decoder.Decode(&answers[i]); err != nil {
			t.Fatal(err)
		}
	}
	good := answers[0]
	if good.N != 101 || good.Bytes != 7 || good.NS <= 0 || good.PeerCPUNS != 0 || len(good.Quantiles) != len(Quantiles) || good.Error != "" {
		t.Errorf("the good one: %+v", good)
	}
	for i, part := range Quantiles {
		if want := float64(int(part * 100)); good.Quantiles[i] != want {
			t.Errorf("the quantile %v is %v, want %v", part, good.Quantiles[i], want)
		}
	}
	if answers[1].Error != "it broke" || answers[2].Error == "" {
		t.Errorf("the others: %+v", answers[1:])
	}
}

func TestWhatIsSharedAmongGoroutinesIsAllDone(t *testing.T) {
	done := make(chan int, 64)
	if err := AtOnce(64, 1000, func(n int) error { done <- n; return nil }); err != nil {
		t.Fatal(err)
	}
	sum := 0
	for range 64 {
		sum += <-done
	}
	if sum != 1000 {
		t.Errorf("%d were done of 1000", sum)
	}
}

func TestEachCaseOfALocalSystemSendsAsManyAsItWasOrdered(t *testing.T) {
	type counts struct{ told, asked int }
	here := &Local[*counts]{Spawn: func(int, int) (*counts, error) { return new(counts), nil }}
	here.Tell = func(_ context.Context, to *counts, data []byte) error {
		to.told++
		here.Took(data)
		return nil
	}
	here.TellAll = func(ctx context.Context, to *counts, data [][]byte) (err error) {
		for _, d := range data {
			err = errors.Join(err, here.Tell(ctx, to, d))
		}
		return err
	}
	var mu sync.Mutex // 64 goroutines ask at once
	here.Ask = func(_ context.Context, to *counts, _ []byte) error {
		mu.Lock()
		defer mu.Unlock()
		to.asked++
		return nil
	}
	cases := here.Cases()
	for _, want := range []struct {
		name           string
		n, told, asked int
	}{
		{"spawn", 10, 0, 0}, {"first", 10, 10, 0}, {"tell", 1000, 1010, 0}, {"tell_batch64", 100, 1110, 0},
		{"ask", 100, 1110, 100}, {"ask_c64", 1000, 1110, 1100},
	} {
		if m := measure(t.Context(), 0, cases, order{want.name, want.n}); m.Error != "" || m.N != want.n {
			t.Fatalf("%s: %+v", want.name, m)
		}
		var all counts
		for _, a := range here.actors {
			all.told, all.asked = all.told+a.told, all.asked+a.asked
			if (a.told > 0) != (want.name != "spawn") {
				t.Errorf("%s: an actor was told %d messages", want.name, a.told)
			}
		}
		if all != (counts{want.told, want.asked}) {
			t.Errorf("%s: %+v in all, want %d told and %d asked", want.name, all, want.told, want.asked)
		}
	}
}

func TestAMessageOfALocalSystemThatIsNotHandledIsMissed(t *testing.T) {
	here := &Local[int]{
		Spawn: func(i, _ int) (int, error) { return i, nil },
		Tell:  func(context.Context, int, []byte) error { return nil },
	}
	cases := here.Cases()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	measure(ctx, 0, cases, order{"spawn", 3})
	if m := measure(ctx, 0, cases, order{"first", 3}); !strings.Contains(m.Error, "3 of 3 were not handled") {
		t.Errorf("the error is %q", m.Error)
	}
}
