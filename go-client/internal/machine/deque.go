package machine

// deque is a queue in one ring of memory that is kept while the queue is used: a steady queue allocates nothing.
type deque[T any] struct {
	ring []T // its length is 0 or a power of two
	head int
	n    int
}

func (d *deque[T]) len() int { return d.n }

func (d *deque[T]) at(i int) *T { return &d.ring[(d.head+i)&(len(d.ring)-1)] }

// front is valid until the next push.
func (d *deque[T]) front() *T { return d.at(0) }

func (d *deque[T]) push(v T) {
	if d.n == len(d.ring) {
		d.resize(max(2*d.n, 8))
	}
	d.n++
	*d.at(d.n - 1) = v
}

func (d *deque[T]) pushFront(v T) {
	if d.n == len(d.ring) {
		d.resize(max(2*d.n, 8))
	}
	d.n++
	d.head = (d.head - 1) & (len(d.ring) - 1)
	*d.front() = v
}

func (d *deque[T]) pop() T {
	var none T
	front := d.front()
	v := *front
	*front = none
	d.head = (d.head + 1) & (len(d.ring) - 1)
	d.n--
	// What a burst has taken is given back once it is over.
	if len(d.ring) > 1024 && d.n < len(d.ring)/8 {
		d.resize(len(d.ring) / 4)
	}
	return v
}

// removeAt takes element i out; those behind it move up.
func (d *deque[T]) removeAt(i int) {
	if i == 0 {
		d.pop()
		return
	}
	for ; i+1 < d.n; i++ {
		*d.at(i) = *d.at(i + 1)
	}
	var none T
	*d.at(d.n - 1) = none
	d.n--
}

func (d *deque[T]) resize(size int) {
	ring := make([]T, size)
	for i := range d.n {
		ring[i] = *d.at(i)
	}
	d.ring, d.head = ring, 0
}

// rising is a deque of rising numbers.
type rising struct{ deque[uint64] }

// remove takes v out, and says whether it was there.
func (d *rising) remove(v uint64) bool {
	low, high := 0, d.n
	for low < high {
		if middle := (low + high) / 2; *d.at(middle) < v {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if low == d.n || *d.at(low) != v {
		return false
	}
	d.removeAt(low)
	return true
}
