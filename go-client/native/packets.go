//go:build cgo

package native

import (
	"github.com/actorbridge/actorbridge/go-client/door"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// packer makes packets of what comes by a lane, for one who wants nothing else.
type packer struct {
	packets []*wire.Packet
	refusal *wire.Refusal
}

// Packet implements door.LaneReceiver.
func (p *packer) Packet(packet *wire.Packet) { p.packets = append(p.packets, packet) }

// Run implements door.LaneReceiver.
func (p *packer) Run(run *door.LaneRun) {
	p.packets = append(p.packets, &wire.Packet{Runs: []wire.Run{run.Items()}})
}

// Refuse implements door.LaneReceiver.
func (p *packer) Refuse(refusal *wire.Refusal) { p.refusal = refusal }

// Room implements door.LaneReceiver.
func (p *packer) Room() {}
