package actorbridge

import (
	"cmp"
	"log/slog"
	"slices"
	"strings"

	"github.com/actorbridge/actorbridge/go-client/door"
	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
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

// forbids says why the peer may not send as that, in a word and in a sentence; nothing = it may. The caller holds inboundMu.
func (l *linkEnd) forbids(who *wire.Who) (reason pb.RefusalReason, why string) {
	if l.identity == nil {
		return 0, ""
	}
	if why := l.forbidsSource(who.Source); why != "" {
		return pb.RefusalReason_REFUSAL_REASON_FORGED_SOURCE, why
	}
	if who.Tenant == "" || slices.Contains(l.identity.Tenants, who.Tenant) {
		return 0, ""
	}
	return pb.RefusalReason_REFUSAL_REASON_FORGED_TENANT, "node " + l.peerName() + " may not send for the tenant " + who.Tenant +
		": that is no tenant of its certificate; add the URI ab-tenant:" + who.Tenant + " to it, or start the node for another tenant"
}

func (l *linkEnd) forbidsSource(source string) string {
	if source == "" {
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

// refusesSender refuses a message that names a source or a tenant which the peer may not use. The caller holds inboundMu.
func (l *linkEnd) refusesSender(stream *inbound, m *Message) bool {
	reason, why := l.forbidsMessage(m.who, stream)
	if why == "" {
		return false
	}
	l.node.counters.refused(reason)
	l.accuse(reason, why)
	if stream != nil && stream.cell != nil {
		stream.cell.refusedStream(stream.key, m.seq)
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

// inWords is who sends, in words.
func inWords(who *wire.Who) string {
	source := cmp.Or(who.Source, "outside code")
	if who.Tenant == "" {
		return source
	}
	return source + " for the tenant " + who.Tenant
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
