//go:build unix

package sidecar_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	"github.com/actorbridge/actorbridge/go-client/sidecar"
)

func TestAChildThatIsKilledIsStartedAgainAndTheSameAddressesLeadOn(t *testing.T) {
	programs := listenForReports(t)
	node, log := mustStart(t, self("shop"))
	child := programs.next()
	to, err := node.Ref("ab://shop/worker")
	if err != nil {
		t.Fatal(err)
	}
	inFlight := make(chan error, 1)
	go func() {
		_, err := ab.Ask[*testpb.Held](t.Context(), to, &testpb.Hold{}, ab.Timeout(patience))
		inFlight <- err
	}()
	eventually(t, "the hold", func() bool { return strings.Contains(log.String(), "msg=held") })
	child.kill()
	select {
	case err = <-inFlight:
	case <-time.After(patience):
		t.Fatal("the ask in flight did not end")
	}
	if !errors.Is(err, ab.ErrOutcomeUnknown) || !strings.Contains(err.Error(), "(signal: killed); it said: held") {
		t.Errorf("the ask in flight ends with %v", err)
	}
	second := programs.next()
	var reply *testpb.EchoReply
	eventually(t, "the new link", func() bool {
		if reply, err = echo(t, node, "ab:///worker"); err != nil && !errors.Is(err, ab.ErrUnavailable) {
			t.Fatalf("while there is no link, an ask fails with %v", err)
		}
		return err == nil
	})
	if second.id == child.id || reply.Language != strconv.Itoa(second.id) {
		t.Errorf("process %s answers, want %d, after %d", reply.Language, second.id, child.id)
	}
	if err := node.Tell(t.Context(), to, &testpb.Add{}); err != nil {
		t.Errorf("a tell after it: %v", err)
	}
	eventually(t, "the tell", func() bool { return strings.Contains(log.String(), "msg=added") })
	if peers := node.Peers(); len(peers) != 1 || peers[0] != "shop" {
		t.Errorf("the node is linked with %v", peers)
	}
	shutdown(t, node)
	second.gone()
	nothingLeft(t)
}

func TestBeyondTheLimitTheDoorSaysSoWithTheChildsLastWords(t *testing.T) {
	programs := listenForReports(t)
	node, log := mustStart(t, self("shop", sidecar.Restarts(1, time.Hour)))
	to, err := node.Ref("ab://shop/worker")
	if err != nil {
		t.Fatal(err)
	}
	for _, words := range []string{"first", "second"} {
		child := programs.next()
		eventually(t, "the link", func() bool { return len(node.Peers()) == 1 })
		_, err := ab.Ask[*testpb.Held](t.Context(), to, &testpb.PanicNow{Text: words}, ab.Timeout(patience))
		if !errors.Is(err, ab.ErrOutcomeUnknown) || !strings.Contains(err.Error(), "(exit status 7); it said: last words: "+words) {
			t.Errorf("the ask that ended it is %v", err)
		}
		child.gone()
	}
	eventually(t, "the door gives up", func() bool { return strings.Contains(log.String(), "a link is not made again") })
	for _, address := range []string{"ab://shop/worker", "ab:///worker"} {
		_, err := echo(t, node, address)
		if !errors.Is(err, ab.ErrUnavailable) || !strings.Contains(err.Error(), "last words: second") ||
			!strings.Contains(err.Error(), "started again 1 times in 1h0m0s") {
			t.Errorf("%s: %v", address, err)
		}
	}
	nothingLeft(t)
}

func TestAChildThatDoesNotStartAgainIsTriedWithinTheLimit(t *testing.T) {
	programs := listenForReports(t)
	path := script(t, `if mkdir "$TMPDIR/../started"; then `+asProgram+`=shop exec "$SIDECAR_TEST_BINARY" "$@"; fi; echo no port >&2; exit 9`)
	node, log := mustStart(t, sidecar.Door(path, sidecar.Restarts(3, time.Hour), sidecar.StartTime(patience),
		sidecar.Env("SIDECAR_TEST_BINARY="+binary(), quickExit)))
	programs.next().kill()
	eventually(t, "the door gives up", func() bool { return strings.Contains(log.String(), "a link is not made again") })
	if n := strings.Count(log.String(), "a link could not be made again"); n != 3 {
		t.Errorf("it was tried %d times, want 3:\n%s", n, log)
	}
	if _, err := echo(t, node, "ab:///worker"); !strings.Contains(err.Error(), "(exit status 9)") || !strings.Contains(err.Error(), "no port") {
		t.Errorf("an ask says %v", err)
	}
	if _, err := node.Dial(t.Context(), self("shop")); err != nil {
		t.Fatal(err)
	}
	if _, err := echo(t, node, "ab:///worker"); err != nil {
		t.Errorf("with another door it is %v", err)
	}
}

func TestANodeThatDisconnectsOrEndsDoesNotStartTheChildAgain(t *testing.T) {
	programs := listenForReports(t)
	node, log := mustStart(t, self("shop"))
	child := programs.next()
	node.Disconnect("shop")
	child.gone()
	shutdown(t, node)
	if n := strings.Count(log.String(), "the link is up"); n != 1 {
		t.Errorf("the link was up %d times:\n%s", n, log)
	}
	nothingLeft(t)
}

func TestAnActorThatHadMovedToADeadChildCanBeSpawnedAgain(t *testing.T) {
	programs := listenForReports(t)
	node, _ := mustStart(t, self("shop"), ab.Factory("order/*", newWorker))
	order, err := node.Spawn("order/1", newWorker)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := node.Move(t.Context(), order, ab.To("shop")); err != nil {
		t.Fatal(err)
	}
	if _, err := node.Spawn("order/1", newWorker); !errors.Is(err, ab.ErrAlreadyExists) {
		t.Errorf("while it is there, a second one: %v", err)
	}
	programs.next().kill()
	programs.next()
	eventually(t, "the new link", func() bool { _, err := echo(t, node, "ab:///worker"); return err == nil })
	if _, err := echo(t, node, "ab:///order/1"); !errors.Is(err, ab.ErrNoSuchActor) {
		t.Errorf("after its death it answers %v", err)
	}
	if _, err := node.Spawn("order/1", newWorker); err != nil {
		t.Errorf("it cannot be spawned again: %v", err)
	}
}
