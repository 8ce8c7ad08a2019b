package remote

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

func TestAMinuteHasSixteenLinesAndTheNextSaysWhatWasLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text bytes.Buffer
		counted := 0
		r := refusals{
			log: slog.New(slog.NewTextHandler(&text, nil)), address: func() string { return "here" },
			count: func(pb.RefusalReason) { counted++ },
		}
		for range 20 {
			r.add("there", pb.RefusalReason_REFUSAL_REASON_NO_TLS, "no")
		}
		if n := strings.Count(text.String(), "\n"); n != 16 {
			t.Errorf("there are %d lines", n)
		}
		time.Sleep(time.Minute)
		r.add("there", pb.RefusalReason_REFUSAL_REASON_NO_TLS, "no")
		if counted != 21 {
			t.Errorf("%d are counted", counted)
		}
		if !strings.Contains(text.String(), "no; 4 more were not told") {
			t.Errorf("the log is %s", &text)
		}
	})
}
