package meter

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
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
