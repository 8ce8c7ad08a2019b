package machine

import "testing"

// A busy sender's bursts follow each other, and the garbage of a queue that grows anew for each would cost more than the messages.
func TestAQueueThatIsKeptAllocatesNothingForTheNextBurst(t *testing.T) {
	queue := deque[queued]{keep: keptQueue}
	burst := func(n int) {
		for range n {
			queue.push(queued{})
		}
		for range n {
			queue.pop()
		}
	}
	burst(keptQueue)
	if allocs := testing.AllocsPerRun(10, func() { burst(keptQueue) }); allocs > 0 {
		t.Errorf("%v allocations for a burst", allocs)
	}
	burst(8 * keptQueue)
	if len(queue.ring) > keptQueue {
		t.Errorf("room for %d is kept after a long burst, want %d at most", len(queue.ring), keptQueue)
	}
}
