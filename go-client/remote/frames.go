package remote

import "sync"

// frames is the memory of frames that leave. A link under load would make a frame's worth of garbage for each one.
var frames framePool

const (
	// pooledFrame is the room of memory that is used again: a packet and its last item, nearly always.
	pooledFrame = 80 << 10
	// smallFrame is what is too small to be used again: most asks are.
	smallFrame = 2 << 10
)

// framePool implements mem.BufferPool.
type framePool struct{ free sync.Pool }

// Get implements mem.BufferPool: empty memory with room for so many bytes.
func (p *framePool) Get(size int) *[]byte {
	if size > smallFrame && size <= pooledFrame {
		if memory, ok := p.free.Get().(*[]byte); ok {
			return memory
		}
		size = pooledFrame
	}
	memory := make([]byte, 0, size)
	return &memory
}

// Put implements mem.BufferPool. gRPC calls it when the frame has left, and not for very small ones.
func (p *framePool) Put(memory *[]byte) {
	if cap(*memory) == pooledFrame {
		*memory = (*memory)[:0]
		p.free.Put(memory)
	}
}
