package remote

import "sync"

// frames is the memory of frames that leave. A link under load would make a frame's worth of garbage for each one.
var frames framePool

const (
	// pooledFrame is the room of memory that is used again: a packet and its last item, nearly always.
	pooledFrame = 80 << 10
	// smallFrame is the same for a packet that says what was handled, or has an ask. gRPC gives back no memory of less than 1 KiB.
	smallFrame = 2 << 10
)

// framePool implements mem.BufferPool.
type framePool struct{ free, small sync.Pool }

// Get implements mem.BufferPool: empty memory with room for so many bytes.
func (p *framePool) Get(size int) *[]byte {
	pool, room := &p.free, pooledFrame
	switch {
	case size <= smallFrame:
		pool, room = &p.small, smallFrame
	case size > pooledFrame:
		memory := make([]byte, 0, size)
		return &memory
	}
	if memory, ok := pool.Get().(*[]byte); ok {
		return memory
	}
	memory := make([]byte, 0, room)
	return &memory
}

// Put implements mem.BufferPool. gRPC calls it when the frame has left.
func (p *framePool) Put(memory *[]byte) {
	*memory = (*memory)[:0]
	switch cap(*memory) {
	case pooledFrame:
		p.free.Put(memory)
	case smallFrame:
		p.small.Put(memory)
	}
}
