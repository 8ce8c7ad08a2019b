package actorbridge

import (
	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

type linkEnd struct{}

func (l *linkEnd) send(uint32, *outgoing) (uint64, int, *wire.Refusal) { return 0, 0, nil }
func (l *linkEnd) sendOffStream(*outgoing) bool                        { return false }
func (l *linkEnd) open(*outlet, uint64) (uint32, *wire.Refusal)        { return 0, nil }
func (l *linkEnd) closeFlow(uint32)                                    {}
func (l *linkEnd) cancel(uint32, uint64)                               {}
func (l *linkEnd) state(uint32, uint64, uint64)                        {}
func (l *linkEnd) reset(uint32, Code, *pb.Moved)                       {}
func (l *linkEnd) outcome(uint32, *pb.Outcome)                         {}
func (l *linkEnd) tick()                                               {}
func (l *linkEnd) drain()                                              {}
func (l *linkEnd) isUp() bool                                          { return false }
func (l *linkEnd) peerName() string                                    { return "" }
func (l *linkEnd) noteWatch(other, watcher Ref, unwatch bool)          {}
