package actorbridge_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
)

// logLines keeps a log, from its debug lines on.
type logLines struct{ warnings }

func (l *logLines) logger() ab.Option {
	return ab.WithLogger(slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug})))
}

// hasLine says whether one line has all parts.
func (l *logLines) hasLine(parts ...string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.text.String()) {
		all := true
		for _, part := range parts {
			all = all && strings.Contains(line, part)
		}
		if all {
			return true
		}
	}
	return false
}

func TestLogLinesNameNodeLinkAndPeerAndSayNothingOfWhatMessagesSay(t *testing.T) {
	const secret = "4711-0815"
	var log logLines
	b := abtest.Start(t, "b", log.logger())
	a := abtest.Start(t, "a", log.logger(), ab.WithLink(abtest.Door(b)))
	repeats := spawnFunc(t, b, "repeats", func(_ ab.Context, m *ab.Message) error {
		var told testpb.EchoRequest
		if err := m.Decode(&told); err != nil {
			return err
		}
		return errors.New(told.Text)
	})
	ctx := t.Context()
	for _, node := range []*ab.Node{a, b} {
		for _, to := range []ab.Ref{repeats, node.RefAt("ab:///nobody")} {
			if _, err := node.Ask(ctx, to, &testpb.EchoRequest{Text: secret}); err == nil {
				t.Error("it is answered")
			}
			for _, raw := range []*ab.RawType{rawTick, rawEcho} {
				if _, err := node.AskRaw(ctx, to, raw, []byte(secret)); err == nil {
					t.Error("it is answered")
				}
			}
		}
		if err := node.Tell(ctx, repeats, &testpb.EchoRequest{Text: secret}); err != nil {
			t.Error(err)
		}
	}
	eventually(t, "the tells have failed", func() bool { return len(b.DeadLetters()) >= 6 })
	for _, node := range []*ab.Node{a, b} {
		if err := node.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	}
	for node, peer := range map[string]string{"a": "b", "b": "a"} {
		for _, line := range [][]string{{"INFO", "the link is up"}, {"the link is down", "code=LINK_DOWN"}} {
			if !log.hasLine(append(line, "node="+node, "peer="+peer, "link=")...) {
				t.Errorf("node %s does not say %v of its link to %s", node, line, peer)
			}
		}
	}
	if log.hasLine(secret) {
		t.Error("what messages say is in the log")
	}
	if t.Failed() {
		t.Log(log.text.String())
	}
}
