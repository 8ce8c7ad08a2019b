package actorbridge_test

import (
	"testing"

	ab "github.com/actorbridge/actorbridge/go-client"
	actorbridgev1 "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

// Only the node that has an actor may give it to another one: its home refuses all others, and says who has it.
func TestAHomeGivesAnActorAwayForItsOwnerAlone(t *testing.T) {
	home, thief := pair(t)
	if _, err := home.Spawn("worker", newWorker); err != nil {
		t.Fatal(err)
	}
	swap := &actorbridgev1.OwnerSwapRequest{Path: "worker", ExpectedOwner: home.Name(), Owner: thief.Name(), Epoch: 2}
	system := thief.RefAt("ab://" + home.Name() + "/system")
	found, err := ab.Ask[*actorbridgev1.FindReply](t.Context(), system, &actorbridgev1.FindRequest{Path: "worker"})
	if err != nil {
		t.Fatal(err)
	}
	swap.ExpectedEpoch = found.Epoch
	reply, err := ab.Ask[*actorbridgev1.OwnerSwapReply](t.Context(), system, swap)
	if err != nil {
		t.Fatal(err)
	}
	if reply.Swapped || reply.Code != actorbridgev1.Code_CODE_FORBIDDEN || reply.Owner != home.Name() || reply.Epoch != found.Epoch {
		t.Errorf("the home said %v", reply)
	}
	found, err = ab.Ask[*actorbridgev1.FindReply](t.Context(), system, &actorbridgev1.FindRequest{Path: "worker"})
	if err != nil || found.Owner != home.Name() {
		t.Errorf("it belongs to %v, %v", found, err)
	}
}
