package remote

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestAMinuteHasSixteenLinesAndTheNextSaysWhatWasLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text bytes.Buffer
		r := refusals{log: slog.New(slog.NewTextHandler(&text, nil)), address: func() string { return "here" }}
		for range 20 {
			r.add("there", "no")
		}
		if n := strings.Count(text.String(), "\n"); n != 16 {
			t.Errorf("there are %d lines", n)
		}
		time.Sleep(time.Minute)
		r.add("there", "no")
		if !strings.Contains(text.String(), "no; 4 more were not told") {
			t.Errorf("the log is %s", &text)
		}
	})
}
