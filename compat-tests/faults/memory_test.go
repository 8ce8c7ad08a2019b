package faults

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

const (
	// settledIn is after how many rounds a node has all that it keeps, such as dead letters; mayGrow by how many bytes its memory may be
	// more after any number of them. What an allocator keeps of what was freed is in it.
	settledIn = 10
	mayGrow   = 64 << 20
	// looks at memory before it counts as grown, and the pause after each.
	looks = 50
	pause = 100 * time.Millisecond
)

// heap is the bytes that are in use here. What the system says of this process has what the detector of races keeps in it.
func heap() uint64 {
	var all runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&all)
	return all.HeapAlloc
}

// resident is the bytes of memory that a process has; 0 where the system does not say.
func resident(pid int) uint64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	var kib uint64
	_, _ = fmt.Sscanf(rest, "%d kB", &kib)
	return kib << 10
}

// A memory is what this process and a peer have at one time.
type memory struct{ here, there uint64 }

func (w *world) memory() memory {
	m := memory{heap(), resident(w.peer.cmd.Process.Pid)}
	total.here.see(m.here)
	total.there.see(m.there)
	return m
}

// String is what it was for people.
func (m memory) String() string {
	return fmt.Sprintf("%d MiB of heap here, %d MiB at the peer", m.here>>20, m.there>>20)
}

// bounded holds that neither side has grown with what was sent. Whoever shares this process may make garbage between the end of a
// collection and the look at the heap, so one look in many has to say so.
func (w *world) bounded(what string, early memory) {
	w.t.Helper()
	late := w.memory()
	for look := 1; late.exceeds(early); look++ {
		if look == looks {
			w.t.Errorf("memory grows with what is sent %s: it was %v, and is %v", what, early, late)
			return
		}
		time.Sleep(pause)
		late = w.memory()
	}
}

func (m memory) exceeds(early memory) bool {
	return m.here > early.here+mayGrow || m.there > early.there+mayGrow
}
