package machine

import "testing"

// A busy sender's bursts follow each other, and the garbage of a queue that grows anew for each would cost more than the messages.
func TestAQueueAllocatesNothingForTheNextBurst(t *testing.T) {
	var queue outgoing
	burst := func(n int) {
		for range n {
			queue.push(1, &entry{})
		}
		for range n {
			queue.drop(queue.nextTurn())
		}
	}
	burst(keptSlots)
	if allocs := testing.AllocsPerRun(10, func() { burst(keptSlots) }); allocs > 0 {
		t.Errorf("%v allocations for a burst", allocs)
	}
	burst(8 * keptSlots)
	if cap(queue.slots) > 2*keptSlots {
		t.Errorf("room for %d is kept after a long burst, want %d at most", cap(queue.slots), 2*keptSlots)
	}
}
