package driver

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"sync"

	"github.com/actorbridge/actorbridge/compat-tests/peer-go/ops"
)

// foreign is a node of another language in this process, which takes orders over a socket.
type foreign struct {
	conn    net.Conn
	writing sync.Mutex

	mu      sync.Mutex
	waiting map[uint64]chan ops.Answer // nil once the connection has ended
}

func startForeign(ctx context.Context, host Host, name string) (*foreign, error) {
	folder, err := os.MkdirTemp("", "ab-compat-native-")
	if err != nil {
		return nil, err
	}
	// Once the node has connected, the socket's name has served.
	defer func() { _ = os.RemoveAll(folder) }()
	socket := filepath.Join(folder, "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	defer func() { _ = listener.Close() }()
	if err := host.Start(ctx, name, socket); err != nil {
		return nil, err
	}
	conn, err := listener.Accept()
	if err != nil {
		return nil, err
	}
	f := &foreign{conn: conn, waiting: make(map[uint64]chan ops.Answer)}
	go f.read()
	return f, nil
}

func (f *foreign) read() {
	decoder := json.NewDecoder(bufio.NewReader(f.conn))
	for {
		var answer ops.Answer
		err := decoder.Decode(&answer)
		f.mu.Lock()
		if err != nil {
			for _, waiter := range f.waiting {
				close(waiter)
			}
			f.waiting = nil
			f.mu.Unlock()
			return
		}
		if waiter := f.waiting[answer.ID]; waiter != nil {
			delete(f.waiting, answer.ID)
			waiter <- answer
		}
		f.mu.Unlock()
	}
}

// perform implements performer.
func (f *foreign) perform(_ context.Context, order *ops.Order) (ops.Answer, *ops.Fault) {
	ended := ops.DriverFault("the node takes no more orders")
	waiter := make(chan ops.Answer, 1)
	f.mu.Lock()
	if f.waiting == nil {
		f.mu.Unlock()
		return ops.Answer{}, ended
	}
	f.waiting[order.ID] = waiter
	f.mu.Unlock()
	line, err := json.Marshal(order)
	if err != nil {
		return ops.Answer{}, ops.DriverFault(err.Error())
	}
	f.writing.Lock()
	_, err = f.conn.Write(append(line, '\n'))
	f.writing.Unlock()
	if err != nil {
		return ops.Answer{}, ended
	}
	answer, ok := <-waiter
	if !ok {
		return ops.Answer{}, ended
	}
	return answer, answer.Fault
}
