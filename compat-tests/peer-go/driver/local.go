package driver

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	_ "github.com/actorbridge/actorbridge/go-client/compress/lz4"
	_ "github.com/actorbridge/actorbridge/go-client/compress/zstd"
	"github.com/actorbridge/actorbridge/go-client/door"
	"github.com/actorbridge/actorbridge/go-client/remote"

	"github.com/actorbridge/actorbridge/compat-tests/peer-go/actors"
	"github.com/actorbridge/actorbridge/compat-tests/peer-go/ops"
)

// shutdownTime is what a shutdown may take.
const shutdownTime = 5 * time.Second

var compressions = map[string]ab.Compression{"zstd": ab.Zstd, "lz4": ab.LZ4}

// local is a Go node, and its asks and subscriptions that may be given up.
type local struct {
	node   *ab.Node
	server *remote.Server // nil: it does not listen
	tls    []remote.Option

	mu            sync.Mutex
	asks          map[uint64]context.CancelFunc // those of subscriptions too
	ended         map[uint64]string             // how asks ended, for who would cancel them
	subscriptions map[uint64]subscription
}

func startLocal(ctx context.Context, order *ops.Order) (*local, string, error) {
	options := append(actors.Install(order.Node), ab.WithLogger(logger()))
	if c := order.Compression; c != nil && !isMistaken("plain") {
		by, known := compressions[c.By]
		if !known {
			return nil, "", errors.New("this peer does not compress by " + c.By)
		}
		options = append(options, ab.WithCompression(by, c.Least))
	}
	node, err := ab.Start(ctx, order.Node, options...)
	if err != nil {
		return nil, "", err
	}
	l := &local{
		node: node, asks: make(map[uint64]context.CancelFunc), ended: make(map[uint64]string), subscriptions: make(map[uint64]subscription),
	}
	if order.Certificates != "" {
		own := filepath.Join(order.Certificates, order.Node)
		l.tls = []remote.Option{remote.TLSFiles(remote.Files{
			Certificate: own + ".pem", Key: own + ".key", CA: filepath.Join(order.Certificates, "ca.pem"),
		})}
	}
	if order.Listen == "" {
		return l, "", nil
	}
	if l.server, err = remote.Listen(node, order.Listen, l.tls...); err != nil {
		return nil, "", errors.Join(err, node.Shutdown(ctx))
	}
	return l, l.server.Addr(), nil
}

func (l *local) remoteDoor(address string) door.Door { return remote.Door(address, l.tls...) }

func (l *local) door() door.Door { return abtest.Door(l.node) }

func (l *local) link(ctx context.Context, door door.Door) *ops.Fault {
	if _, err := l.node.Dial(ctx, door); err != nil {
		return ops.DriverFault(err.Error())
	}
	return nil
}

// perform implements performer.
func (l *local) perform(ctx context.Context, order *ops.Order) (answer ops.Answer, fault *ops.Fault) {
	switch order.Op {
	case "unlink":
		l.node.Disconnect(order.To)
	case "tell":
		return answer, l.tell(ctx, order)
	case "tell_many":
		answer.Counts, fault = l.tellMany(ctx, order)
	case "ask":
		answer.Reply, fault = l.ask(ctx, order)
	case "ask_many":
		answer.Counts, fault = l.askMany(ctx, order)
	case "subscribe":
		return answer, l.subscribe(ctx, order)
	case "events":
		return l.take(order)
	case "cancel":
		return answer, l.giveUp(order.Order)
	case "dead_letters":
		answer.Letters, answer.Counts = letters(l.node.DeadLetters()), l.node.DeadLetterCounts()
	case "restore":
		return answer, l.restore(ctx, order)
	case "shutdown":
		return answer, l.shutdown(ctx)
	default:
		return answer, ops.DriverFault("a Go node knows no operation " + order.Op)
	}
	return answer, fault
}

func (l *local) restore(ctx context.Context, order *ops.Order) *ops.Fault {
	data, err := hex.DecodeString(order.Snapshot)
	if err != nil {
		return ops.DriverFault(err.Error())
	}
	snapshot, err := ab.ReadSnapshot(order.Path, data)
	if err != nil {
		return faultOf(err)
	}
	_, err = l.node.Restore(ctx, snapshot)
	return faultOf(err)
}

func (l *local) tell(ctx context.Context, order *ops.Order) *ops.Fault {
	to, err := l.node.Ref(order.To)
	if err != nil {
		return faultOf(err)
	}
	if isRaw(order.Message) {
		return l.tellRaw(ctx, order, to)
	}
	message, err := raw(order.Message)
	if err != nil {
		return ops.DriverFault(err.Error())
	}
	to, _ = in(to, order.Message)
	if order.Wait {
		limited, cancel := context.WithTimeout(ctx, milliseconds(order.TimeoutMS))
		defer cancel()
		return faultOf(l.node.Tell(limited, to, message))
	}
	err = l.node.TryTell(to, message)
	fault := faultOf(err)
	var refused *ab.Error
	if errors.As(err, &refused) {
		fault.Returned = refused.Message == message
	}
	return fault
}

func (l *local) tellRaw(ctx context.Context, order *ops.Order, to ab.Ref) *ops.Fault {
	bytes, err := payload(order.Message)
	if err != nil {
		return ops.DriverFault(err.Error())
	}
	ctx, cancel := context.WithTimeout(ctx, milliseconds(order.TimeoutMS))
	defer cancel()
	return faultOf(l.node.TellRaw(ctx, to, actors.Raw, bytes))
}

func (l *local) tellMany(ctx context.Context, order *ops.Order) (map[string]uint64, *ops.Fault) {
	to, err := l.node.Ref(order.To)
	if err != nil {
		return nil, faultOf(err)
	}
	var sent, refused uint64
	for n := order.First; n < order.First+order.Count; n++ {
		message := &testpb.Add{By: 1, N: n}
		if order.Wait {
			err = l.node.Tell(ctx, to, message)
		} else {
			err = l.node.TryTell(to, message)
		}
		switch {
		case err == nil:
			sent++
		case errors.Is(err, ab.ErrMailboxFull) && !order.Wait:
			refused++
		default:
			return map[string]uint64{"sent": sent, "refused": refused}, faultOf(err)
		}
	}
	return map[string]uint64{"sent": sent, "refused": refused}, nil
}

func (l *local) ask(ctx context.Context, order *ops.Order) (*ops.Encoded, *ops.Fault) {
	to, err := l.node.Ref(order.To)
	if err != nil {
		return nil, faultOf(err)
	}
	var options []ab.AskOption
	if order.TimeoutMS > 0 {
		options = append(options, ab.Timeout(milliseconds(order.TimeoutMS)))
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l.mu.Lock()
	l.asks[order.ID] = cancel
	l.mu.Unlock()
	reply, fault := l.askNow(ctx, to, order.Message, options)
	l.mu.Lock()
	delete(l.asks, order.ID)
	l.ended[order.ID] = "it was answered"
	if fault != nil {
		l.ended[order.ID] = fault.Detail
	}
	l.mu.Unlock()
	return reply, fault
}

func (l *local) askNow(
	ctx context.Context, to ab.Ref, message ops.Encoded, options []ab.AskOption,
) (*ops.Encoded, *ops.Fault) {
	if isRaw(message) {
		bytes, err := payload(message)
		if err != nil {
			return nil, ops.DriverFault(err.Error())
		}
		reply, err := l.node.AskRaw(ctx, to, actors.Raw, bytes, options...)
		if err != nil {
			return nil, faultOf(err)
		}
		return &ops.Encoded{Type: actors.Raw.Name(), Payload: hex.EncodeToString(reply), Codec: message.Codec}, nil
	}
	m, err := raw(message)
	if err != nil {
		return nil, ops.DriverFault(err.Error())
	}
	to, codec := in(to, message)
	came, err := l.node.Ask(ctx, to, m, options...)
	if err != nil {
		return nil, faultOf(err)
	}
	reply, err := encoded(came, codec)
	if err != nil {
		return nil, ops.DriverFault(err.Error())
	}
	return reply, nil
}

func (l *local) giveUp(order uint64) *ops.Fault {
	l.mu.Lock()
	defer l.mu.Unlock()
	cancel := l.asks[order]
	if cancel == nil {
		return ops.DriverFault("no such ask or subscription waits: " + cmp.Or(l.ended[order], "there was none"))
	}
	cancel()
	delete(l.asks, order)
	delete(l.subscriptions, order)
	return nil
}

func (l *local) askMany(ctx context.Context, order *ops.Order) (map[string]uint64, *ops.Fault) {
	to, err := l.node.Ref(order.To)
	if err != nil {
		return nil, faultOf(err)
	}
	for n := order.First; n < order.First+order.Count; n++ {
		if _, err := ab.Ask[*testpb.Count](ctx, to, &testpb.Add{By: 1, N: n}); err != nil {
			return nil, faultOf(err)
		}
	}
	return map[string]uint64{"replies": order.Count}, nil
}

func (l *local) shutdown(ctx context.Context) *ops.Fault {
	ctx, cancel := context.WithTimeout(ctx, shutdownTime)
	defer cancel()
	err := l.node.Shutdown(ctx)
	if l.server != nil {
		l.server.Close()
	}
	return faultOf(err)
}

func letters(dead []ab.DeadLetter) []ops.Letter {
	letters := make([]ops.Letter, 0, len(dead))
	for _, letter := range dead {
		letters = append(letters, ops.Letter{
			Target: letter.Target, Code: letter.Code.String(), Effect: letter.Effect.String(), Detail: letter.Detail,
			Bytes: len(letter.Envelope),
		})
	}
	return letters
}

// faultOf is an error as the runner gets it.
func faultOf(err error) *ops.Fault {
	if err == nil {
		return nil
	}
	var e *ab.Error
	if !errors.As(err, &e) {
		return ops.DriverFault("an error without a code: " + err.Error())
	}
	fault := &ops.Fault{Code: e.Code.String(), Effect: e.Effect.String(), Detail: err.Error()}
	if e.User != nil {
		fault.UserCode, fault.UserMessage = e.User.Code, e.User.Message
	}
	return fault
}

// isMistaken: this peer is to make the planned mistake of this name. compat-tests/matrix/README.md has them.
func isMistaken(mistake string) bool { return os.Getenv("COMPAT_MUTANT") == mistake }

func milliseconds(n uint64) time.Duration { return time.Duration(n) * time.Millisecond }
