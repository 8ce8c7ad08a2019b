package actorbridge

import (
	"log/slog"
	"slices"
	"strings"

	"github.com/actorbridge/actorbridge/go-client/door"
	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

// identify holds the peer to what its certificate says, if the transport has seen one. It is called before anything comes.
func (l *linkEnd) identify(transport door.Link) {
	shown, ok := transport.(door.Identified)
	if !ok || shown.Identity() == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.identity = shown.Identity()
	l.machine.ExpectPeer(l.identity.Nodes)
}

// forbids says why the peer may not send as source; nothing = it may. The caller holds inboundMu.
func (l *linkEnd) forbids(source string) string {
	if l.identity == nil || source == "" {
		return ""
	}
	peer := l.peerName()
	if ref, err := ParseRef(source); err == nil {
		switch host := ref.Host(); {
		case host != "" && host == peer:
			return ""
		case host != "":
		case len(l.identity.Sources) == 0:
			return ""
		case slices.ContainsFunc(l.identity.Sources, func(pattern string) bool { return matches(pattern, ref.Path()) }):
			return ""
		}
	}
	return "node " + peer + " may not send as " + source + ": that is no source of its certificate; add the URI ab:///PATTERN to " +
		"it, or send as another actor"
}

// refusesSource refuses a message that names a source which the peer may not use. The caller holds inboundMu.
func (l *linkEnd) refusesSource(stream *inbound, m *Message) bool {
	why := l.forbids(m.who.Source)
	if why == "" {
		return false
	}
	l.node.counters.refused(pb.RefusalReason_REFUSAL_REASON_FORGED_SOURCE)
	l.accuse(pb.RefusalReason_REFUSAL_REASON_FORGED_SOURCE, why)
	if stream != nil && stream.cell != nil {
		stream.cell.refusedStream(l.key(m.flow), m.seq)
	}
	l.node.refuse(m, CodeForbidden, EffectNone, why)
	return true
}

// accuse says what the peer does that it may not, once a link for each reason: counters and dead letters have the rest. The caller
// holds inboundMu.
func (l *linkEnd) accuse(reason pb.RefusalReason, why string) {
	if bit := uint32(1) << reason; l.accused&bit == 0 {
		l.accused |= bit
		l.log().Warn(why, "code", strings.TrimPrefix(reason.String(), "REFUSAL_REASON_"))
	}
}

// log is the node's, with the link and the peer.
func (l *linkEnd) log() *slog.Logger { return l.node.log.With("link", l.id, "peer", l.peerName()) }

// matches says whether a pattern, as of [Factory], is for a path.
func matches(pattern, path string) bool {
	prefix, ok := strings.CutSuffix(pattern, allPaths)
	if !ok {
		return path == pattern
	}
	return len(path) > len(prefix) && strings.HasPrefix(path, prefix)
}
