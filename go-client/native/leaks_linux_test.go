//go:build cgo

package native

import (
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// held is what the process has of what nodes and links take: Rust threads and open files.
func held(t *testing.T) (threads []string, files int) {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		name, err := os.ReadFile("/proc/self/task/" + task.Name() + "/comm")
		if err == nil && strings.HasPrefix(string(name), "actorbridge") {
			threads = append(threads, strings.TrimSpace(string(name)))
		}
	}
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return threads, len(open)
}

func TestANodeThatHasNoLinkLeftLeavesNoThreadAndNoFile(t *testing.T) {
	first := dial(t, Door())
	_ = first.Close()
	wait := func(files int) {
		t.Helper()
		deadline := time.Now().Add(20 * time.Second)
		for {
			threads, now := held(t)
			if len(threads) == 0 && now <= files {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("threads %v and %d files are left; %d files were open before", threads, now, files)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	wait(1 << 20)
	_, before := held(t)
	for range 20 {
		d := Door(Grace(0))
		a, b := dial(t, d), dial(t, d)
		_, _ = a.Close(), b.Close()
	}
	wait(before)
	stacks := make([]byte, 1<<20)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		all := string(stacks[:runtime.Stack(stacks, true)])
		if !strings.Contains(all, "rustNode") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("a goroutine is still with a node:\n%s", all)
		}
	}
}
