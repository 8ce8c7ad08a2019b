//go:build unix

package sidecar_test

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	"github.com/actorbridge/actorbridge/go-client/door"
	actorbridgev1 "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
	"github.com/actorbridge/actorbridge/go-client/remote"
	"github.com/actorbridge/actorbridge/go-client/sidecar"
)

// The test binary is also the programs that tests start: with one of these in the environment it is not a test.
const (
	asProgram = "SIDECAR_TEST_PROGRAM"
	// reportTo is a Unix socket to which a program says its process id, and which it holds open while it lives.
	reportTo = "SIDECAR_TEST_REPORT"
)

// quickExit has a program that was built with -race not wait for a second before it ends.
const quickExit = "GORACE=atexit_sleep_ms=0"

var programs = map[string]func() error{
	"shop":   func() error { return shop(os.Stdin, syscall.SIGTERM) },
	"deaf":   func() error { return shop(forever{}, syscall.SIGUSR1) },
	"old":    old,
	"parent": parent,
}

func TestMain(m *testing.M) {
	if run := programs[os.Getenv(asProgram)]; run != nil {
		if err := run(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if id, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); err != syscall.ECHILD {
			fmt.Printf("FAIL: a child process is left: %d, %v\n", id, err)
			code = 1
		}
		os.Exit(code)
	}))
}

// forever is a standard input that nobody closes.
type forever struct{}

func (forever) Read([]byte) (int, error) { select {} }

// serveFlags are the options of actorbridge::serve.
func serveFlags() (listen, node string) {
	flags := flag.NewFlagSet("shop", flag.ExitOnError)
	at, name := flags.String("listen", "", ""), flags.String("node", "shop", "")
	flags.Bool("until-stdin-closes", false, "")
	_ = flags.Parse(os.Args[1:])
	return *at, *name
}

// report tells the test which process this is. The connection is open until the process is gone.
func report() error {
	if os.Getenv(reportTo) == "" {
		return nil
	}
	conn, err := net.Dial("unix", os.Getenv(reportTo))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(conn, os.Getpid())
	return err
}

// shop does what a program whose main is actorbridge::serve does.
func shop(stdin io.Reader, end os.Signal) error {
	signal.Ignore(syscall.SIGTERM)
	term := make(chan os.Signal, 1)
	signal.Notify(term, end)
	if err := report(); err != nil {
		return err
	}
	listen, name := serveFlags()
	quiet := slog.New(slog.DiscardHandler)
	node, err := ab.Start(context.Background(), name, ab.WithLogger(quiet), ab.Factory("worker", newWorker),
		ab.Factory("order/*", newWorker))
	if err != nil {
		return err
	}
	server, err := remote.Listen(node, listen)
	if err != nil {
		return err
	}
	fmt.Println("listening", server.Addr())
	closed := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, stdin)
		close(closed)
	}()
	select {
	case <-term:
	case <-closed:
	}
	defer server.Close()
	return node.Shutdown(context.Background())
}

// worker says in which process it is, adds, waits, or takes its process along.
type worker struct{}

func newWorker() ab.Receiver { return worker{} }

func (worker) Receive(ctx ab.Context, m *ab.Message) error {
	message, err := m.Open()
	if err != nil {
		return err
	}
	switch x := message.(type) {
	case *testpb.EchoRequest:
		return m.Reply(&testpb.EchoReply{Text: x.Text, Language: strconv.Itoa(os.Getpid())})
	case *testpb.Hold:
		fmt.Fprintln(os.Stderr, "held")
		<-ctx.Done()
		return m.Reply(&testpb.Held{})
	case *testpb.Add:
		fmt.Fprintln(os.Stderr, "added")
		return nil
	case *testpb.PanicNow:
		fmt.Fprintln(os.Stderr, "last words:", x.Text)
		os.Exit(7)
	}
	return m.Unsupported()
}

func (worker) Snapshot(context.Context) (proto.Message, error) { return &testpb.Count{}, nil }

func (worker) Restore(context.Context, proto.Message) error { return nil }

// old is a node that speaks no protocol version of ours.
func old() error {
	listen, _ := serveFlags()
	server, err := remote.Listen(refuser{}, listen)
	if err != nil {
		return err
	}
	defer server.Close()
	fmt.Println("listening", server.Addr())
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

type refuser struct{}

func (refuser) Accept(l door.Link) error {
	if _, err := l.Recv(); err != nil {
		return err
	}
	return l.Send(&wire.Packet{Head: &actorbridgev1.Frame{Number: 1, Goodbye: &actorbridgev1.Goodbye{
		Code:   actorbridgev1.GoodbyeCode_GOODBYE_VERSION,
		Detail: "no protocol version in common: go speaks 1 to 1, shop speaks 7 to 8",
	}}})
}

// parent is a program with a sidecar, which does nothing until it is killed.
func parent() error {
	if _, err := ab.Start(context.Background(), "parent", ab.WithLink(self("shop"))); err != nil {
		return err
	}
	fmt.Println("up")
	select {}
}

// binary is this program.
func binary() string {
	path, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return path
}

// self is the door to this binary as one of the programs.
func self(program string, options ...sidecar.Option) door.Redialer {
	return sidecar.Door(binary(), append([]sidecar.Option{
		sidecar.Env(asProgram+"="+program, quickExit), sidecar.StartTime(patience)}, options...)...)
}

// reports is where programs report to.
type reports struct {
	t        *testing.T
	listener *net.UnixListener
}

// listenForReports also makes the folder for temporary files one of the test's own.
func listenForReports(t *testing.T) *reports {
	t.Helper()
	folder, err := os.MkdirTemp("/tmp", "ab-test-") // a short path: a socket's is bounded
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, "reports")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = listener.Close()
		_ = os.RemoveAll(folder)
	})
	temporary := filepath.Join(folder, "tmp")
	if err := os.Mkdir(temporary, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", temporary)
	t.Setenv(reportTo, path)
	return &reports{t, listener}
}

// A process is one that has reported.
type process struct {
	t    *testing.T
	id   int
	conn net.Conn
}

// next waits for the next program that reports.
func (r *reports) next() *process {
	r.t.Helper()
	_ = r.listener.SetDeadline(time.Now().Add(patience))
	conn, err := r.listener.Accept()
	if err != nil {
		r.t.Fatalf("no program has reported: %v", err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		r.t.Fatal(err)
	}
	id, err := strconv.Atoi(line[:len(line)-1])
	if err != nil {
		r.t.Fatal(err)
	}
	return &process{r.t, id, conn}
}

// kill kills it with SIGKILL.
func (p *process) kill() {
	p.t.Helper()
	if err := syscall.Kill(p.id, syscall.SIGKILL); err != nil {
		p.t.Fatal(err)
	}
}

// gone waits until the process is gone.
func (p *process) gone() {
	p.t.Helper()
	_ = p.conn.SetDeadline(time.Now().Add(patience))
	if _, err := p.conn.Read(make([]byte, 1)); err != io.EOF && !errors.Is(err, syscall.ECONNRESET) {
		p.t.Fatalf("process %d is not gone: %v", p.id, err)
	}
	_ = p.conn.Close()
}
