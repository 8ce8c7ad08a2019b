package actorbridge

import (
	"strings"
	"unicode"
)

const (
	// maxAddressBytes is the most bytes of an address.
	maxAddressBytes = 1024
	// systemPath is the reserved path of each node's own actor.
	systemPath = "system"
	nameRule   = "a node's name has letters, digits and -_.~@:+=$ only"
)

// A Ref is where an actor is found: ab:///orders/42 follows the actor wherever it lives, ab://node/orders/42 is pinned to
// a node. One that a node gave knows that node, so that [Ask] works with it. The zero Ref is nobody.
type Ref struct {
	node *Node
	text string
	path int32 // where the path begins in text; 0 = text is no address
	// codec is one more than that of what is sent to it; 0 = its node says.
	codec Codec
}

// ParseRef reads an address. Messages to it go out from the node or the actor whose call is used; for [Ask] from outside
// code take [Node.Ref] instead. It fails with INVALID_ARGUMENT and the reason.
func ParseRef(text string) (Ref, error) {
	invalid := func(why string) (Ref, error) { return Ref{}, newError(CodeInvalidArgument, text, why) }
	if len(text) > maxAddressBytes {
		text = "an address"
		return invalid("it is over 1,024 bytes")
	}
	rest, ok := strings.CutPrefix(text, "ab://")
	if !ok {
		return invalid("an address begins with ab:///, or with ab://node/")
	}
	node, path, ok := strings.Cut(rest, "/")
	if !ok {
		return invalid("an address has a path")
	}
	if !isName(node) {
		return invalid(nameRule)
	}
	for part := range strings.SplitSeq(path, "/") {
		if part == "" || !isName(part) {
			return invalid("a path has parts of letters, digits and -_.~@:+=$, joined by single slashes")
		}
	}
	return Ref{text: text, path: int32(len(text) - len(path))}, nil
}

func isName(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.Is(unicode.Other_Alphabetic, r) &&
			!strings.ContainsRune("-_.~@:+=$", r)
	}) < 0
}

// of is the same address, for Ask at a node.
func (r Ref) of(n *Node) Ref {
	r.node = n
	return r
}

func logicalRef(path string) (Ref, error) { return ParseRef("ab:///" + path) }

// checkName fails for what is no name of a node.
func checkName(name string) error {
	switch {
	case name == "":
		return newError(CodeInvalidArgument, "a node", "its name is empty; "+nameRule)
	case !isName(name):
		return newError(CodeInvalidArgument, name, nameRule)
	}
	_, err := pinnedRef(name, systemPath)
	return err
}

func pinnedRef(node, path string) (Ref, error) {
	if node == "" {
		return Ref{}, newError(CodeInvalidArgument, path, "a pinned address names its node")
	}
	return ParseRef("ab://" + node + "/" + path)
}

// check fails for a Ref that is nobody's, or of an address that is not valid.
func (r Ref) check() error {
	if r.IsZero() && r.node == nil {
		return newError(CodeInvalidArgument, "nobody", "the Ref is zero")
	}
	if r.path == 0 {
		_, err := ParseRef(r.text)
		return err
	}
	return nil
}

// Path is the path, without leading slash.
func (r Ref) Path() string {
	if r.path == 0 {
		return ""
	}
	return r.text[r.path:]
}

// Host is the name of the node that the address is pinned to; empty = logical.
func (r Ref) Host() string {
	if r.path == 0 {
		return ""
	}
	return r.text[len("ab://") : r.path-1]
}

// String is the whole address.
func (r Ref) String() string { return r.text }

// IsZero says whether the Ref is nobody's.
func (r Ref) IsZero() bool { return r.text == "" }

// hashOfPath is FNV-1a of the logical address: what ask_path carries.
func hashOfPath(path string) uint64 {
	h := uint64(0xcbf29ce484222325)
	for _, text := range []string{"ab:///", path} {
		for i := range len(text) {
			h = (h ^ uint64(text[i])) * 0x100000001b3
		}
	}
	return h
}

func isReserved(path string) bool {
	return path == systemPath || strings.HasPrefix(path, systemPath+"/")
}
