package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/door"
	"github.com/actorbridge/actorbridge/go-client/native"
)

// host starts Rust nodes.
type host struct {
	mu    sync.Mutex
	doors map[string]door.Door
}

// Start implements driver.Host. The Rust node lives while it has links, and cases end the link under test and make another:
// a Go node that does nothing else keeps it.
func (h *host) Start(ctx context.Context, name, socket string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	// The Rust half reads these while the door is dialled.
	for key, value := range map[string]string{"COMPAT_NODE": name, "COMPAT_ORDERS": socket} {
		if err := os.Setenv(key, value); err != nil {
			return err
		}
	}
	nativeDoor := native.Door(native.Name(name))
	_, err := ab.Start(ctx, "keeper-of-"+name, ab.WithLink(nativeDoor), ab.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		return fmt.Errorf("%s is not opened: %w", name, err)
	}
	h.doors[name] = nativeDoor
	return nil
}

// Door implements driver.Host.
func (h *host) Door(name string) door.Door {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.doors[name]
}
