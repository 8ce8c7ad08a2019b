package driver

import (
	"context"
	"iter"

	ab "github.com/actorbridge/actorbridge/go-client"

	"github.com/actorbridge/actorbridge/compat-tests/peer-go/ops"
)

// subscription is one whose events are taken when the runner says so: it decides how slow their reader is.
type subscription struct {
	of   *ab.Subscription
	next func() (*ab.Message, error, bool)
}

func (l *local) subscribe(ctx context.Context, order *ops.Order) *ops.Fault {
	to, err := l.node.Ref(order.To)
	if err != nil {
		return faultOf(err)
	}
	message, err := raw(order.Message)
	if err != nil {
		return ops.DriverFault(err.Error())
	}
	of, err := l.node.Subscribe(ctx, to, message)
	if err != nil {
		return faultOf(err)
	}
	next, stop := iter.Pull2(of.All())
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asks[order.ID] = func() {
		of.Close() // also before the first event was taken
		stop()
	}
	l.subscriptions[order.ID] = subscription{of, next}
	return nil
}

// take takes events until there are as many as the order says, or the end comes.
func (l *local) take(order *ops.Order) (answer ops.Answer, fault *ops.Fault) {
	l.mu.Lock()
	s, waits := l.subscriptions[order.Order]
	l.mu.Unlock()
	if !waits {
		return answer, ops.DriverFault("no such subscription waits")
	}
	for range order.Count {
		event, err, more := s.next()
		if err == nil && more {
			came, unreadable := encoded(event, ab.Protobuf)
			if unreadable != nil {
				return answer, ops.DriverFault(unreadable.Error())
			}
			answer.Events = append(answer.Events, *came)
			continue
		}
		l.forget(order.Order)
		if err == nil {
			answer.Reply, err = encoded(s.of.Reply(), ab.Protobuf)
		}
		return answer, faultOf(err)
	}
	return answer, nil
}

func (l *local) forget(order uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.asks, order)
	delete(l.subscriptions, order)
}
