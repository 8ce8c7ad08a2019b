package actorbridge_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	actorbridgev1 "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// reserved are the codes that nothing can produce yet, each with the reason. When the library begins to use one, the test
// below fails until a program here meets it.
var reserved = map[ab.Code]string{
	ab.CodeVersionConflict: "it is of state machines with versioned state, which do not exist yet",
	ab.CodeTombstoned:      "it is of reliable streams whose sender withdraws a message, which do not exist yet",
}

// meetings are small programs, one for each other code of the table, that end with an error of that code.
var meetings = map[ab.Code]func(*testing.T) error{
	ab.CodeNoSuchActor: func(t *testing.T) error {
		node := start(t, "a")
		return node.Tell(t.Context(), node.RefAt("ab:///nobody"), &testpb.Hold{})
	},
	ab.CodeUndecodable: func(t *testing.T) error {
		other := anotherSchema(t, "EchoRequest", descriptorpb.FieldDescriptorProto_TYPE_BYTES, nil)
		other.Set(other.Descriptor().Fields().ByNumber(1), protoreflect.ValueOfBytes([]byte{0xff}))
		return askWorker(t, other)
	},
	ab.CodeUnsupportedVersion: func(t *testing.T) error {
		newer := &actorbridgev1.MessageOptions{Version: 9, MinReader: 9}
		return askWorker(t, anotherSchema(t, "EchoRequest", descriptorpb.FieldDescriptorProto_TYPE_STRING, newer))
	},
	ab.CodeUnsupportedKind: func(t *testing.T) error {
		return said(t, enveloped(999, 0, &testpb.EchoRequest{}, nil))
	},
	ab.CodeUnsupportedCodec: func(t *testing.T) error {
		what := wire.NewWhat(actorbridgev1.Kind_KIND_TELL, "actorbridge.test.v1.EchoRequest", 1, 1, 7)
		return said(t, wire.Join(nil, what.Bytes, wire.AppendBody(nil, wire.BodyFields{}, nil)))
	},
	ab.CodeMailboxFull: func(t *testing.T) error { node, to := full(t); return node.TryTell(to, &testpb.Hold{}) },
	ab.CodeExpired: func(t *testing.T) error {
		node, to := full(t)
		ctx, cancel := deadline(t, time.Millisecond)
		defer cancel()
		return node.Tell(ctx, to, &testpb.Hold{})
	},
	ab.CodeStopped: func(t *testing.T) error {
		node := start(t, "a")
		if err := node.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, err := node.Spawn("late", newWorker)
		return err
	},
	ab.CodeForbidden: func(t *testing.T) error {
		_, err := start(t, "a").Spawn("system/mine", newWorker)
		return err
	},
	ab.CodeBadOverride: func(t *testing.T) error {
		twice := protowire.AppendTag(enveloped(actorbridgev1.Kind_KIND_TELL, 0, &testpb.EchoRequest{}, nil), 5, protowire.BytesType)
		return said(t, protowire.AppendString(twice, "ab:///forged"))
	},
	ab.CodeTooLarge: func(t *testing.T) error { return askWorker(t, &testpb.EchoRequest{Data: make([]byte, 17<<20)}) },
	ab.CodeFenced: func(t *testing.T) error {
		node := start(t, "a")
		spawn(t, node, "worker")
		swap := &actorbridgev1.OwnerSwapRequest{Path: "worker", ExpectedOwner: "a", ExpectedEpoch: 7, Owner: "c", Epoch: 8}
		reply, err := ab.Ask[*actorbridgev1.OwnerSwapReply](t.Context(), node.RefAt("ab://a/system"), swap)
		if err != nil {
			return err
		}
		return ab.Code(reply.Code)
	},
	ab.CodeUnavailable: func(t *testing.T) error {
		node := start(t, "a")
		return node.Tell(t.Context(), node.RefAt("ab://elsewhere/worker"), &testpb.Hold{})
	},
	ab.CodeDeadlock: func(t *testing.T) error {
		inside := make(chan error, 1)
		asking := spawnFunc(t, start(t, "a"), "narcissus", func(ctx ab.Context, m *ab.Message) error {
			_, err := ab.Ask[*testpb.Held](ctx, ctx.Self(), &testpb.Hold{})
			inside <- err
			return err
		})
		_, err := ab.Ask[*testpb.Held](t.Context(), asking, &testpb.Hold{})
		if !errors.Is(err, &ab.UserError{Code: "DEADLOCK"}) {
			t.Errorf("who asked the one that asked itself gets %v", err)
		}
		return receive(t, "the error inside", inside)
	},
	ab.CodeCancelled: func(t *testing.T) error {
		node, to := full(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		return node.Tell(ctx, to, &testpb.Hold{})
	},
	ab.CodeMoved:           movedAway,
	ab.CodeUnsupportedType: func(t *testing.T) error { return askWorker(t, &testpb.GetStops{}) },
	ab.CodeAlreadyExists: func(t *testing.T) error {
		node := start(t, "a")
		spawn(t, node, "worker")
		_, err := node.Spawn("worker", newWorker)
		return err
	},
	ab.CodeInvalidArgument: func(t *testing.T) error { _, err := ab.ParseRef("no address"); return err },
	ab.CodePanicked:        func(t *testing.T) error { return askWorker(t, &testpb.PanicNow{Text: "boom"}) },
	ab.CodeHandlerError:    func(t *testing.T) error { return askWorker(t, &testpb.FailNow{Code: "X"}) },
	ab.CodeHandlerTimeout: func(t *testing.T) error {
		return failing(t, context.DeadlineExceeded) // of something that it waited for
	},
	ab.CodeOutcomeUnknown: func(t *testing.T) error {
		begun := make(chan struct{}, 1)
		to := spawnFunc(t, start(t, "a"), "slow", func(ctx ab.Context, _ *ab.Message) error {
			begun <- struct{}{}
			<-ctx.Done()
			return nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { <-begun; cancel() }()
		_, err := ab.Ask[*testpb.Held](ctx, to, &testpb.Hold{}, ab.Timeout(long))
		return err
	},
	ab.CodeStateLost: func(t *testing.T) error {
		node := start(t, "a")
		store, err := ab.OpenFileStore(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		snapshot, err := node.Snapshot(t.Context(), spawn(t, node, "one"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.Save(snapshot); err != nil {
			t.Fatal(err)
		}
		one, _ := store.FileOf("ab:///one")
		other, _ := store.FileOf("ab:///other")
		if err := os.Rename(one, other); err != nil {
			t.Fatal(err)
		}
		_, err = store.Load("ab:///other")
		return err
	},
}

// askWorker is how an ask to a worker at another node ends.
func askWorker(t *testing.T, message proto.Message) error {
	t.Helper()
	a, b := pair(t)
	spawn(t, b, "worker")
	_, err := a.Ask(t.Context(), a.RefAt("ab:///worker"), message, ab.Timeout(long))
	return err
}

// full is an actor whose mailbox is full for good.
func full(t *testing.T) (*ab.Node, ab.Ref) {
	t.Helper()
	node := start(t, "a")
	to := spawn(t, node, "full", ab.Mailbox(1))
	if err := node.Tell(t.Context(), to, &testpb.Hold{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = node.Stop(context.Background(), to, time.Millisecond) })
	return node, to
}

// said is why a node refuses a message whose bytes no client makes.
func said(t *testing.T, body []byte) error {
	t.Helper()
	node, address := listening(t, "tcp://127.0.0.1:0")
	spawn(t, node, "worker")
	s := strange(t, address)
	s.greets()
	s.sends(1, 1, 0, body)
	f := s.refusal(0, 1)
	return ab.Code(f.Code)
}

// movedAway: an actor moves to a node whose link is lost then, and who had bound a stream to it sends one more message.
func movedAway(t *testing.T) error {
	node, address := listening(t, "tcp://127.0.0.1:0")
	there := start(t, "there")
	if _, err := node.Dial(t.Context(), abtest.Door(there)); err != nil {
		t.Fatal(err)
	}
	to := spawn(t, node, "order/1")
	s := strange(t, address)
	s.greets()
	move(t, node, to, "there")
	node.Disconnect("there")
	eventually(t, "the end of the link", func() bool { return !slices.Contains(node.Peers(), "there") })
	s.binds(2, to.String())
	s.sends(2, 1, 0, asking(1, &testpb.EchoRequest{}, nil))
	return ab.Code(s.refusal(1, 0).Code)
}

// anotherSchema is a message of a peer whose proto has another type for the first field of a test message, or another
// version.
func anotherSchema(
	t *testing.T, name string, field descriptorpb.FieldDescriptorProto_Type, version *actorbridgev1.MessageOptions,
) *dynamicpb.Message {
	t.Helper()
	options := &descriptorpb.MessageOptions{}
	if version != nil {
		proto.SetExtension(options, actorbridgev1.E_Message, version)
	}
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: proto.String("another.proto"), Package: proto.String("actorbridge.test.v1"), Syntax: proto.String("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{{
			Name: &name, Options: options,
			Field: []*descriptorpb.FieldDescriptorProto{{
				Name: proto.String("first"), Number: proto.Int32(1), Type: &field,
				Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
			}},
		}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return dynamicpb.NewMessage(file.Messages().Get(0))
}

func TestEveryCodeOfTheTableCanBeMetOrIsReservedWithAReason(t *testing.T) {
	used := usedCodes(t)
	for number := range actorbridgev1.Code_name {
		code := ab.Code(number)
		meet, why := meetings[code], reserved[code]
		switch {
		case code == ab.CodeOK:
		case (meet == nil) == (why == ""):
			t.Errorf("%s must be met by one small program, or be reserved with the reason", code)
		case why != "" && len(used[number]) > 0:
			t.Errorf("%s is reserved because %s, but %v can produce it: meet it by a program", code, why, used[number])
		case meet != nil:
			t.Run(code.String(), func(t *testing.T) {
				err := meet(t)
				var fault *ab.Error
				if !errors.Is(err, code) || errors.As(err, &fault) && fault.Code != code {
					t.Errorf("the program ends with %v", err)
				}
			})
		}
	}
}

// usedCodes is for each code which sources of the library name it.
func usedCodes(t *testing.T) map[int32][]string {
	t.Helper()
	numbers := make(map[string]int32)
	for number, name := range actorbridgev1.Code_name {
		numbers[strings.ReplaceAll(strings.ToLower(name), "_", "")] = number
	}
	named := regexp.MustCompile(`\b(?:Code_CODE_\w+|Code[A-Z]\w+)`)
	used := make(map[int32][]string)
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") ||
			strings.HasPrefix(path, "gen/") || path == "codes_gen.go" {
			return err
		}
		source, err := os.ReadFile(path)
		for _, name := range named.FindAllString(string(source), -1) {
			if number, ok := numbers[strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(name, "Code_")), "_", "")]; ok {
				if !slices.Contains(used[number], path) {
					used[number] = append(used[number], path)
				}
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(used[int32(ab.CodeMailboxFull)]) == 0 {
		t.Fatal("no source names MAILBOX_FULL: the sources are not where this test looks")
	}
	return used
}
