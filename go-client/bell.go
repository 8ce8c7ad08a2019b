package actorbridge

import "sync"

// A bell wakes everyone who waits for it.
type bell struct {
	mu sync.Mutex
	ch chan struct{}
}

// wait gives a channel that the next ring closes. Look once more at what you wait for before you wait.
func (b *bell) wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch == nil {
		b.ch = make(chan struct{})
	}
	return b.ch
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch != nil {
		close(b.ch)
		b.ch = nil
	}
}

// A latch opens once, for everyone who waits for it. An unused one has no channel.
type latch struct{ bell bell }

// opened is the channel of latches that nobody waited for before they opened.
var opened = func() chan struct{} {
	ch := make(chan struct{})
	close(ch)
	return ch
}()

// wait gives the channel that open closes.
func (l *latch) wait() <-chan struct{} { return l.bell.wait() }

// open is called once.
func (l *latch) open() {
	l.bell.mu.Lock()
	defer l.bell.mu.Unlock()
	if l.bell.ch == nil {
		l.bell.ch = opened
		return
	}
	close(l.bell.ch)
}

func (l *latch) isOpen() bool {
	select {
	case <-l.wait():
		return true
	default:
		return false
	}
}

// tasks counts the goroutines of a node, so that its end can be awaited.
type tasks struct {
	mu    sync.Mutex
	n     int
	empty bell
}

// run runs f in a goroutine.
func (t *tasks) run(f func()) {
	t.begin()
	go func() {
		defer t.done()
		f()
	}()
}

// begin is told of a goroutine that calls done when it ends.
func (t *tasks) begin() {
	t.mu.Lock()
	t.n++
	t.mu.Unlock()
}

func (t *tasks) done() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n--; t.n == 0 {
		t.empty.ring()
	}
}

// wait waits until no goroutine is left, or until stops it; then it is false.
func (t *tasks) wait(until <-chan struct{}) bool {
	for {
		empty := t.empty.wait()
		t.mu.Lock()
		n := t.n
		t.mu.Unlock()
		if n == 0 {
			return true
		}
		select {
		case <-empty:
		case <-until:
			return false
		}
	}
}
