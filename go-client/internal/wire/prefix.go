package wire

import (
	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

// Who is a StreamOpen.prefix, read once: who sends to whom.
type Who struct {
	// Source is the sender's address; empty = not an actor.
	Source string
	// Target is the receiver's address.
	Target string
	// ReplyTo is where replies go.
	ReplyTo string
	// Tenant is for whom the sender works; empty = for nobody in particular.
	Tenant string
	// Present is the prefix's fields.
	Present Presence
	// Bytes is the prefix. Never written to.
	Bytes []byte
}

// ParseWho reads a prefix, which it keeps. It refuses as ReadEnvelope does, and with TOO_LARGE above 4 KiB.
func ParseWho(prefix []byte) (*Who, *Refusal) {
	if len(prefix) > MaxWhoBytes {
		return nil, &Refusal{pb.Code_CODE_TOO_LARGE, "a stream's prefix is over its limit of 4 KiB"}
	}
	e, err := ReadEnvelope(prefix)
	if err != nil {
		return nil, err
	}
	return &Who{string(e.Source), string(e.Target), string(e.ReplyTo), string(e.Tenant), e.Present, prefix}, nil
}

// What is a TypeDef.prefix, read once: what a message is.
type What struct {
	// Kind is a pb.Kind as a number.
	Kind uint32
	// TypeName is the full name of the message.
	TypeName string
	// Version is at least 1.
	Version uint32
	// MinReader is at least 1.
	MinReader uint32
	// ContentType is a pb.ContentType as a number.
	ContentType uint32
	// Compression is a pb.Compression as a number.
	Compression uint32
	// Present is the prefix's fields.
	Present Presence
	// Bytes is the prefix. Never written to.
	Bytes []byte
}

// ParseWhat reads a prefix, which it keeps. It refuses as ReadEnvelope does, and with TOO_LARGE above 4 KiB.
func ParseWhat(prefix []byte) (*What, *Refusal) {
	if len(prefix) > MaxWhoBytes {
		return nil, &Refusal{pb.Code_CODE_TOO_LARGE, "a type's prefix is over its limit of 4 KiB"}
	}
	e, err := ReadEnvelope(prefix)
	if err != nil {
		return nil, err
	}
	return WhatOf(&e, prefix), nil
}

// WhatOf is the what fields of an envelope, with the prefix that holds them.
func WhatOf(e *Envelope, prefix []byte) *What {
	return &What{
		Kind: e.Kind, TypeName: string(e.TypeName), Version: max(e.TypeVersion, 1), MinReader: max(e.MinReaderVersion, 1),
		ContentType: e.ContentType, Compression: e.Compression, Present: e.Present, Bytes: prefix,
	}
}
