package actorbridge

import (
	"context"
	"sort"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

// snapshotTime is how long a snapshot that was asked for by message may take.
const snapshotTime = 5 * time.Second

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
	case *pb.StatusRequest:
		return m.Reply(s.node.Status(r))
	case *pb.TapRequest:
		return s.tap(m, r)
	case *pb.FindRequest:
		return s.owner(m, r)
	case *pb.WatchRequest:
		return s.watch(m, r)
	case *pb.SnapshotRequest:
		return s.snapshot(m, r)
	case *pb.MoveToRequest:
		return s.move(m, r)
	case *pb.EventCredit:
		s.node.eventCredit(m.stream.Link, r)
		return nil
	case *pb.OwnerSwapRequest:
		return s.swap(m, r)
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
	if text := textOf(e); text != "" {
		detail += ": " + text
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
	options.asSpawned(r.Mailbox, r.MaxRestarts, r.RestartWindowMs)
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

func (s system) watch(m *Message, r *pb.WatchRequest) error {
	watcher, err := ParseRef(r.Watcher)
	if err != nil {
		return asRefusal(err)
	}
	other, err := pinnedRef(s.node.name, r.Path)
	if err != nil {
		return asRefusal(err)
	}
	return s.later(m, func() (proto.Message, error) {
		ctx, cancel := context.WithTimeout(context.Background(), watchTime)
		defer cancel()
		if err := s.node.watch(ctx, other, watcher, r.Unwatch); err != nil {
			return nil, asRefusal(err)
		}
		return &pb.WatchReply{}, nil
	})
}

// owner says who hosts an actor, as far as it is known here for sure: here, at the home, or where it has just gone.
func (s system) owner(m *Message, r *pb.FindRequest) error {
	n := s.node
	n.mu.RLock()
	c, gone := n.cells[r.Path], n.forwards[r.Path]
	o, isHome := n.owned[r.Path]
	n.mu.RUnlock()
	switch {
	case c != nil:
		o = owned{n.name, c.epochNow()}
	case isHome && o.owner != n.name:
	case gone != nil:
		f := gone.forwarderNow()
		o = owned{f.owner, f.epoch}
	default:
		_, err := s.find(m, r.Path)
		return err
	}
	return m.Reply(&pb.FindReply{Owner: o.owner, Epoch: o.epoch})
}

func (s system) snapshot(m *Message, r *pb.SnapshotRequest) error {
	c, err := s.find(m, r.Path)
	if err != nil {
		return err
	}
	return s.later(m, func() (proto.Message, error) {
		ctx, cancel := context.WithTimeout(context.Background(), snapshotTime)
		defer cancel()
		snapshot, err := s.node.Snapshot(ctx, c.ref)
		if err != nil {
			return nil, asRefusal(err)
		}
		data, info := snapshot.Bytes()
		return &pb.SnapshotReply{Snapshot: data, Info: &pb.SnapshotInfo{
			Actor: info.Actor, Epoch: info.Epoch, Seq: info.Seq, Type: info.Type, Version: info.Version, Sha256: info.SHA256,
			Size: uint64(info.Size),
		}}, nil
	})
}

func (s system) move(m *Message, r *pb.MoveToRequest) error {
	c, err := s.find(m, r.Path)
	if err != nil {
		return err
	}
	options := moveOptions{to: r.Destination, freeze: defaultFreeze}
	if r.FreezeMs > 0 {
		options.freeze = time.Duration(r.FreezeMs) * time.Millisecond
	}
	return s.later(m, func() (proto.Message, error) {
		report, err := s.node.moveFrom(context.Background(), c, options)
		if err != nil {
			return nil, asRefusal(err)
		}
		return &pb.MoveToReply{
			From: report.From, To: report.To, Epoch: report.Epoch, Stashed: uint32(report.Stashed),
			StateBytes: uint64(report.StateBytes), PausedUs: uint64(report.Paused.Microseconds()),
		}, nil
	})
}

// swap is the request of another node to this one, an actor's home. Only the present owner may ask for it.
func (s system) swap(m *Message, r *pb.OwnerSwapRequest) error {
	if from, err := ParseRef(m.who.ReplyTo); err != nil || from.Host() != r.ExpectedOwner {
		s.node.mu.Lock()
		now, _ := s.node.ownerOf(r.Path)
		s.node.mu.Unlock()
		return m.Reply(&pb.OwnerSwapReply{Owner: now.owner, Epoch: now.epoch, Code: pb.Code(CodeForbidden)})
	}
	now, swapped, known := s.node.swapOwner(
		r.Path, owned{r.ExpectedOwner, r.ExpectedEpoch}, owned{r.Owner, r.Epoch})
	code := CodeOK
	switch {
	case !known:
		code = CodeNoSuchActor
	case !swapped:
		code = CodeFenced
	}
	return m.Reply(&pb.OwnerSwapReply{Swapped: swapped, Owner: now.owner, Epoch: now.epoch, Code: pb.Code(code)})
}
