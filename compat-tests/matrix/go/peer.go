package main

import (
	"fmt"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/compat/peerpb"
)

// A peer carries out orders.
type peer struct {
	mutant    mutant
	snapshots *keeper
}

// A refusal is a code without its prefix: what a reader says of bytes.
type refusal string

// Error implements error.
func (r refusal) Error() string { return string(r) }

func newPeer(mistake string) (*peer, error) {
	m, err := mutantOf(mistake)
	if err != nil {
		return nil, err
	}
	snapshots, err := startKeeper()
	if err != nil {
		return nil, err
	}
	return &peer{m, snapshots}, nil
}

func (p *peer) carryOut(order *peerpb.Order) *peerpb.Answer {
	written, seen, err := p.operate(order)
	answer := &peerpb.Answer{Id: order.Id}
	if refused, ok := err.(refusal); ok {
		answer.Result = &peerpb.Answer_Refused{Refused: string(refused)}
		return answer
	}
	switch {
	case err != nil:
		answer.Result = &peerpb.Answer_Unable{Unable: err.Error()}
	case seen != nil:
		answer.Result = &peerpb.Answer_Seen{Seen: seen}
	default:
		answer.Result = &peerpb.Answer_Written{Written: written}
	}
	return answer
}

func (p *peer) operate(order *peerpb.Order) (written []byte, seen *peerpb.Seen, err error) {
	switch o := order.Order.(type) {
	case *peerpb.Order_WriteMessage:
		written, err = writeMessage(o.WriteMessage)
		written = p.mutant.message(ab.Codec(o.WriteMessage.ContentType), written)
	case *peerpb.Order_ReadMessage:
		seen, err = readMessage(o.ReadMessage, p.mutant)
	case *peerpb.Order_WriteEnvelope:
		written, err = writeEnvelope(o.WriteEnvelope)
		written = p.mutant.envelope(written, o.WriteEnvelope)
	case *peerpb.Order_ReadEnvelope:
		seen, err = readEnvelope(o.ReadEnvelope.Envelope, p.mutant)
	case *peerpb.Order_WriteSnapshot:
		written, err = p.snapshots.write(o.WriteSnapshot)
	case *peerpb.Order_ReadSnapshot:
		seen, err = p.snapshots.read(o.ReadSnapshot)
	case *peerpb.Order_Convert:
		written, err = convert(o.Convert)
	default:
		err = fmt.Errorf("this peer does not know the order %T", order.Order)
	}
	return written, seen, err
}
