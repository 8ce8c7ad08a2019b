package actorbridge

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/actorbridge/actorbridge/go-client/door"
	"github.com/actorbridge/actorbridge/go-client/internal/machine"
)

const (
	// tickTime is how often time is brought to requests and links.
	tickTime = 100 * time.Millisecond
	// systemMailbox is the mailbox of /system.
	systemMailbox = 4096
)

// An Option changes how a node is started.
type Option func(*startOptions)

type startOptions struct {
	log       *slog.Logger
	factories []registered
	doors     []door.Door
	reads     []Reads
	codec     Codec
	// compression is used for payloads of least bytes and more; 0 = none.
	compression Compression
	least       int
	tracer      Tracer
	tenant      string
	routes      map[string]string
	accepted    map[string]bool
}

// WithLogger sets where the node logs; slog.Default() unless it is given.
func WithLogger(log *slog.Logger) Option {
	return func(o *startOptions) { o.log = log }
}

// WithLink links the node at its start; Start fails if that does.
func WithLink(d door.Door) Option {
	return func(o *startOptions) { o.doors = append(o.doors, d) }
}

// WithReads tells the nodes that it is linked with that this program reads these messages too, beside those of its protocols
// (see [RegisterProtocol]): for actors that are written by hand.
func WithReads(reads ...Reads) Option {
	return func(o *startOptions) { o.reads = append(o.reads, reads...) }
}

// WithTenant says for which tenant the node works: its messages carry the name, and a peer with certificates takes them only if this
// node's has the URI ab-tenant:NAME (docs/SECURITY.md). At most 64 letters, digits, '-', '_' and '.' of ASCII. Default: for none.
func WithTenant(name string) Option {
	return func(o *startOptions) { o.tenant = name }
}

func checkTenant(name string) error {
	isOther := func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("-_.", c)
	}
	if len(name) > 64 || strings.ContainsFunc(name, isOther) {
		return newError(CodeInvalidArgument, name, "a tenant has at most 64 letters, digits, '-', '_' and '.' of ASCII")
	}
	return nil
}

// Start starts a node of this name, which must differ from the names of the nodes that it is linked with. ctx is for
// starting only: [Node.Shutdown] ends the node. It fails with INVALID_ARGUMENT for a name or pattern that is not valid, with
// FORBIDDEN for a reserved path, and as [Node.Dial] does where a link cannot be made.
func Start(ctx context.Context, name string, options ...Option) (*Node, error) {
	o := startOptions{log: slog.Default()}
	for _, set := range options {
		set(&o)
	}
	if err := checkName(name); err != nil {
		return nil, err
	}
	if !o.codec.isKnown() {
		return nil, newError(CodeInvalidArgument, name, fmt.Sprintf("WithCodec: there is no codec %v", o.codec))
	}
	if err := checkTenant(o.tenant); err != nil {
		return nil, err
	}
	if err := checkCompression(name, o.compression); err != nil {
		return nil, err
	}
	n := &Node{
		codec: o.codec, compression: o.compression, least: o.least, tracer: o.tracer, name: name, tenant: o.tenant, incarnation: randomID(), log: o.log.With("node", name), start: time.Now().Add(-time.Millisecond), factories: o.factories, alsoReads: o.reads,
		outside: newSender("", "ab://"+name+"/"+systemPath, o.tenant), closing: make(chan struct{}), ended: make(chan struct{}),
		cells: make(map[string]*cell), links: make(map[uint64]*linkEnd), owners: make(map[string]string),
		owned: make(map[string]owned), forwards: make(map[string]*cell),
		departed: make(map[string][]*cell), kept: make(map[string]*keptLink), met: make(map[string]uint64), fallen: make(map[string]string),
		relays:  relays{routes: o.routes, accepted: o.accepted},
		leaving: make(map[string]*leaving), arriving: make(map[string]*arriving),
	}
	n.asks = machine.NewAsks[*waiter](n.incarnation)
	n.itself = n.outside
	if n.tenant != "" {
		n.itself = newSender("", n.outside.replyTo, "")
	}
	n.tasks.run(n.tick)
	if err := n.populate(ctx, &o); err != nil {
		_ = n.Shutdown(ctx)
		return nil, err
	}
	return n, nil
}

// populate makes what the node starts with: actors, then links.
func (n *Node) populate(ctx context.Context, o *startOptions) error {
	makeSystem := factory{handler: func() Receiver { return system{n} }}
	systemOptions := spawnOptionsOf([]SpawnOption{Mailbox(systemMailbox)})
	if _, err := n.spawnCell(systemPath, makeSystem, systemOptions, nil); err != nil {
		return err
	}
	for _, r := range o.factories {
		if err := r.check(); err != nil {
			return err
		}
	}
	for _, r := range o.factories {
		if !r.atStart {
			continue
		}
		if _, err := n.Spawn(r.pattern, r.make, r.options...); err != nil {
			return err
		}
	}
	for _, d := range o.doors {
		if _, err := n.Dial(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// tick brings time to requests and links.
func (n *Node) tick() {
	ticker := time.NewTicker(tickTime)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-n.ended:
			return
		}
		for _, link := range n.allLinks() {
			link.tick()
		}
		n.tickAsks()
		n.tickMoves()
	}
}

func hex(v uint64) string { return strconv.FormatUint(v, 16) }
