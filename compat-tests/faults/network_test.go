package faults

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// A toxic is what a network does to connections for a while, both ways unless upstreamOnly says otherwise.
type toxic struct {
	name, kind, attributes string
	upstreamOnly           bool
}

// toxics are the rows 4 to 10 of the fault matrix, as far as they are of a network. Bytes that are dropped end the connection: the
// frames behind them make no sense.
var toxics = []toxic{
	{name: "delay", kind: "latency", attributes: `{"latency": 40, "jitter": 30}`},
	{name: "a slow line", kind: "bandwidth", attributes: `{"rate": 200}`},
	{name: "sliced writes", kind: "slicer", attributes: `{"average_size": 40, "size_variation": 30, "delay": 50}`},
	{name: "resets", kind: "reset_peer", attributes: `{"timeout": 30}`},
	{name: "slow close", kind: "slow_close", attributes: `{"delay": 200}`},
	{name: "a partition", kind: "timeout", attributes: `{"timeout": 0}`},
	{name: "a partition one way", kind: "timeout", attributes: `{"timeout": 0}`, upstreamOnly: true},
	{name: "connections that end in a frame", kind: "limit_data", attributes: `{"bytes": 20000}`},
}

// proxyBefore names, to a process of this test, the address that it is to be a proxy before. It has one of its own: toxiproxy keeps
// something of each connection that it hurts, and what a node's process uses is looked at.
const proxyBefore = "FAULTS_PROXY_BEFORE"

// beProxy is that process: it says where it listens, then does what each line of its input says and answers with a line, empty if all
// went well, until the input ends.
func beProxy(before string) error {
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	proxy := toxiproxy.NewProxy(server, "faults", "127.0.0.1:0", before)
	if err := proxy.Start(); err != nil {
		return err
	}
	defer proxy.Stop()
	fmt.Println(proxy.Listen)
	orders := bufio.NewScanner(os.Stdin)
	for orders.Scan() {
		if orders.Text() == heal {
			proxy.Toxics.ResetToxics(context.Background())
			fmt.Println()
		} else if _, err := proxy.Toxics.AddToxicJson(strings.NewReader(orders.Text())); err != nil {
			fmt.Println(err)
		} else {
			fmt.Println()
		}
	}
	return orders.Err()
}

const heal = "heal"

// network is a proxy before an address.
type network struct {
	t       *testing.T
	listens string
	orders  io.Writer
	answers *bufio.Scanner
}

func newNetwork(t *testing.T, before string) *network {
	t.Helper()
	program, err := os.Executable()
	must(t, err)
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), proxyBefore+"="+strings.TrimPrefix(before, "tcp://"))
	cmd.Stderr = os.Stderr
	orders, err := cmd.StdinPipe()
	must(t, err)
	answers, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = orders.Close()
		_ = cmd.Wait()
	})
	n := &network{t: t, orders: orders, answers: bufio.NewScanner(answers)}
	if !n.answers.Scan() {
		t.Fatal("the proxy did not start")
	}
	n.listens = n.answers.Text()
	return n
}

func (n *network) address() string { return "tcp://" + n.listens }

func (n *network) poison(what toxic) {
	for _, stream := range []string{"upstream", "downstream"} {
		if what.upstreamOnly && stream == "downstream" {
			continue
		}
		n.order(fmt.Sprintf(`{"name": %q, "type": %q, "stream": %q, "attributes": %s}`, what.kind+stream, what.kind, stream, what.attributes))
	}
}

func (n *network) heal() { n.order(heal) }

func (n *network) order(line string) {
	if _, err := fmt.Fprintln(n.orders, line); err != nil {
		n.t.Error(err)
	} else if !n.answers.Scan() || n.answers.Text() != "" {
		n.t.Errorf("the proxy does not do %s: %s", line, n.answers.Text())
	}
}

// shuffled is the toxics in an order that the seed says.
func shuffled(seed uint64) []toxic {
	all := append([]toxic(nil), toxics...)
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}
