// Package driver carries out the runner's orders at the nodes of this process.
//
//   - driver.go: which node an order is for. local.go: orders to a Go node. raw.go: messages as bytes with a type's name.
//   - events.go: subscriptions. serve.go: orders as lines. foreign.go: orders to a node of another language.
package driver

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/actorbridge/actorbridge/compat-tests/peer-go/ops"
	"github.com/actorbridge/actorbridge/go-client/door"
	"github.com/actorbridge/actorbridge/go-client/sidecar"
)

// A Host starts nodes of another language in this process.
type Host interface {
	// Start starts a node of this name. It takes orders, as a peer program does, from the Unix socket at this path.
	Start(ctx context.Context, name, socket string) error
	// Door leads to a node that was started.
	Door(name string) door.Door
}

// A Driver has the nodes of this process.
type Driver struct {
	host Host

	mu    sync.Mutex
	nodes map[string]performer
}

// performer carries out orders at one node.
type performer interface {
	perform(ctx context.Context, order *ops.Order) (ops.Answer, *ops.Fault)
}

// New makes a driver without nodes. host is nil in a program that hosts Go nodes only.
func New(host Host) *Driver {
	return &Driver{host: host, nodes: make(map[string]performer)}
}

// CarryOut carries out one order.
func (d *Driver) CarryOut(ctx context.Context, order *ops.Order) ops.Answer {
	answer, fault := d.operate(ctx, order)
	answer.ID, answer.Fault = order.ID, fault
	return answer
}

func (d *Driver) operate(ctx context.Context, order *ops.Order) (ops.Answer, *ops.Fault) {
	if order.Op == "start" {
		return d.start(ctx, order)
	}
	node := d.node(order.Node)
	if node == nil {
		return ops.Answer{}, ops.DriverFault("no node is named " + order.Node)
	}
	if local, ok := node.(*local); ok && order.Op == "link" {
		door, fault := d.door(local, order)
		if fault != nil {
			return ops.Answer{}, fault
		}
		return ops.Answer{}, local.link(ctx, door)
	}
	return node.perform(ctx, order)
}

func (d *Driver) start(ctx context.Context, order *ops.Order) (answer ops.Answer, fault *ops.Fault) {
	var (
		node performer
		err  error
	)
	switch {
	case !order.Native:
		node, answer.Address, err = startLocal(ctx, order)
	case d.host == nil:
		return answer, ops.DriverFault("this peer hosts no nodes of another language")
	default:
		node, err = startForeign(ctx, d.host, order.Node)
	}
	if err != nil {
		return answer, ops.DriverFault(err.Error())
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.nodes[order.Node] = node
	return answer, nil
}

func (d *Driver) node(name string) performer {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.nodes[name]
}

// door is what an order to link leads through.
func (d *Driver) door(from *local, order *ops.Order) (door.Door, *ops.Fault) {
	switch order.Door {
	case "remote":
		return from.remoteDoor(order.To), nil
	case "sidecar":
		name, program, _ := strings.Cut(order.To, " ")
		return sidecar.Door(program, sidecar.Node(name)), nil
	case "memory":
		if other, ok := d.node(order.To).(*local); ok {
			return other.door(), nil
		}
	case "native":
		if _, ok := d.node(order.To).(*foreign); ok {
			return d.host.Door(order.To), nil
		}
	}
	return nil, ops.DriverFault(fmt.Sprintf("no %s door leads to %s", order.Door, order.To))
}
