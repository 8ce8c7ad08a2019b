package actorbridge

import (
	"context"
	"sort"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

// maxListed is the most actors in one ListReply; ask with a longer prefix for the others.
const maxListed = 500

// system is the actor /system that every node has: what must work over all doors is a message to it.
type system struct{ node *Node }

// Receive implements Receiver.
func (s system) Receive(ctx Context, m *Message) error {
	if !strings.HasPrefix(m.Type(), "actorbridge.v1.") {
		return m.Unsupported()
	}
	request, err := m.Open()
	if err != nil {
		return err
	}
	switch r := request.(type) {
	case *pb.SpawnRequest:
		return s.spawn(m, r)
	case *pb.StopRequest:
		return s.stop(m, r)
	case *pb.ListRequest:
		return m.Reply(s.list(r))
	case *pb.FindRequest:
		c, err := s.find(m, r.Path)
		if err != nil {
			return err
		}
		return m.Reply(&pb.FindReply{Owner: s.node.name, Epoch: c.epochNow()})
	case *pb.WatchRequest:
		return s.watch(ctx, m, r)
	}
	return m.Unsupported()
}

// systemRefused is an error about a request to /system: the asker gets its code as it is.
func systemRefused(code Code, detail string) error {
	e := newError(code, systemPath, detail)
	e.refusal = true
	return e
}

// asRefusal gives the asker the code of an error that the node returned.
func asRefusal(err error) error {
	e, ok := err.(*Error)
	if !ok {
		return err
	}
	detail := e.Target
	if e.Detail != "" {
		detail += ": " + e.Detail
	}
	return systemRefused(e.Code, detail)
}

func (s system) find(m *Message, path string) (*cell, error) {
	if c := s.node.cell(path); c != nil {
		return c, nil
	}
	return nil, systemRefused(CodeNoSuchActor, path+" is not on node "+s.node.name)
}

func (s system) spawn(m *Message, r *pb.SpawnRequest) error {
	if isReserved(r.Path) {
		return systemRefused(CodeForbidden, "paths below /system are reserved")
	}
	if _, err := logicalRef(r.Path); err != nil {
		return asRefusal(err)
	}
	f := s.node.factoryFor(r.Path)
	if f == nil {
		return systemRefused(CodeNoSuchActor, "no factory matches "+r.Path)
	}
	options := spawnOptionsOf(f.options)
	if r.Mailbox > 0 {
		Mailbox(int(r.Mailbox))(&options)
	}
	if r.MaxRestarts > 0 {
		options.strategy.restarts = int(r.MaxRestarts)
	}
	if r.RestartWindowMs > 0 {
		options.strategy.window = time.Duration(r.RestartWindowMs) * time.Millisecond
	}
	c, err := s.node.spawnCell(r.Path, factory{handler: f.make}, options, nil)
	if err != nil {
		return asRefusal(err)
	}
	return m.Reply(&pb.SpawnReply{Actor: c.ref.text, Epoch: c.epochNow()})
}

func (s system) stop(m *Message, r *pb.StopRequest) error {
	if isReserved(r.Path) {
		return systemRefused(CodeForbidden, "/system stops with its node")
	}
	c, err := s.find(m, r.Path)
	if err != nil {
		return err
	}
	grace := defaultGrace
	if r.GraceMs > 0 {
		grace = time.Duration(r.GraceMs) * time.Millisecond
	}
	return s.later(m, func() (proto.Message, error) {
		if !s.node.stopCell(context.Background(), c, grace) {
			return nil, systemRefused(CodeHandlerTimeout, "its handler does not end")
		}
		return &pb.StopReply{}, nil
	})
}

// later answers a long request when it is done, without keeping others waiting.
func (s system) later(m *Message, work func() (proto.Message, error)) error {
	responder, err := m.Responder()
	if err != nil {
		return err
	}
	s.node.tasks.run(func() {
		reply, err := work()
		if err == nil {
			err = responder.Reply(reply)
		}
		if err != nil {
			responder.Fail(err)
		}
	})
	return nil
}

func (s system) list(r *pb.ListRequest) *pb.ListReply {
	cells := s.node.allCells()
	sort.Slice(cells, func(i, j int) bool { return cells[i].path < cells[j].path })
	reply := &pb.ListReply{}
	for _, c := range cells {
		if strings.HasPrefix(c.path, r.Prefix) && !isReserved(c.path) && len(reply.Actors) < maxListed {
			reply.Actors = append(reply.Actors, c.info())
		}
	}
	return reply
}

func (s system) watch(ctx Context, m *Message, r *pb.WatchRequest) error {
	watcher, err := ParseRef(r.Watcher)
	if err != nil {
		return asRefusal(err)
	}
	other, err := pinnedRef(s.node.name, r.Path)
	if err != nil {
		return asRefusal(err)
	}
	if err := s.node.watch(ctx, other, watcher, r.Unwatch); err != nil {
		return asRefusal(err)
	}
	return m.Reply(&pb.WatchReply{})
}
