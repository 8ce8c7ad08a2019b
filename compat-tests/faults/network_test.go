package faults

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

const (
	// smoke is how long a toxic lasts that says nothing else.
	smoke = 300 * time.Millisecond
	// beyondPings is more than a link lives without a sign of its peer: pings are 5 s apart, the fourth behind three without an answer
	// ends it, and time passes in steps of a second.
	beyondPings = 25 * time.Second
)

// A toxic is what a network does to connections for a while.
type toxic struct {
	name  string
	parts []part
	lasts time.Duration
}

// A part is one toxic of the proxy, for one stream: upstream is from who dialled. A stream has one at a time: the proxy loses account of
// several where a connection ends in one of them.
type part struct{ stream, kind, attributes string }

// bothWays does the same to both streams.
func bothWays(kind, attributes string) []part {
	return []part{{"upstream", kind, attributes}, {"downstream", kind, attributes}}
}

// nothing drops all bytes of a stream; behind it, the connection ends.
func nothing(stream string) part { return part{stream, "timeout", `{"timeout": 0}`} }

// partition lets nothing pass, either way.
var partition = toxic{name: "a partition", parts: []part{nothing("upstream"), nothing("downstream")}}

// slowClose ends a connection in the middle of one stream, and lets the side that sent it know so many milliseconds later.
func slowClose(ended, known string, delay int) []part {
	return []part{{ended, "limit_data", `{"bytes": 2000}`}, {known, "slow_close", fmt.Sprintf(`{"delay": %d}`, delay)}}
}

// toxics are the rows 4 to 10 of the fault matrix, as far as they are of a network. Bytes that are dropped end the connection: the
// frames behind them make no sense.
var toxics = []toxic{
	{name: "delay", parts: bothWays("latency", `{"latency": 40, "jitter": 30}`)},
	{name: "delay beyond the deadline of asks", parts: bothWays("latency", `{"latency": 700, "jitter": 100}`), lasts: 3 * deadline},
	{name: "a slow line", parts: bothWays("bandwidth", `{"rate": 200}`)},
	{name: "sliced writes", parts: bothWays("slicer", `{"average_size": 40, "size_variation": 30, "delay": 50}`)},
	{name: "resets", parts: bothWays("reset_peer", `{"timeout": 30}`)},
	{name: "a slow close", parts: slowClose("upstream", "downstream", 200)},
	partition,
	{name: "a partition one way", parts: []part{nothing("upstream")}},
	{name: "connections that end in a frame", parts: bothWays("limit_data", `{"bytes": 20000}`)},
}

// longToxics are those that only a long run has time for.
var longToxics = []toxic{
	{name: "a long partition", parts: partition.parts, lasts: beyondPings},
	{name: "a long partition, from who dialled", parts: []part{nothing("upstream")}, lasts: beyondPings},
	{name: "a long partition, to who dialled", parts: []part{nothing("downstream")}, lasts: beyondPings},
	{name: "a long delay", parts: bothWays("latency", `{"latency": 2000, "jitter": 1000}`), lasts: 10 * time.Second},
	{name: "a very slow close, for who dialled", parts: slowClose("upstream", "downstream", 5_000), lasts: 8 * time.Second},
	{name: "a very slow close, for who was dialled", parts: slowClose("downstream", "upstream", 5_000), lasts: 8 * time.Second},
}

// clog holds all bytes back until the network is healed, and drops none. Of a delay, the proxy would keep what waits in memory, and
// take 5 s for each piece of it where the connection has ended meanwhile.
var clog = toxic{name: "a clog", parts: bothWays("bandwidth", `{"rate": 0}`)}

// seeded is chance that is the same whenever a test comes to its round of this number.
func seeded(test string, round int) *rand.Rand {
	return rand.New(rand.NewPCG(uint64(round), uint64(crc32.ChecksumIEEE([]byte(test)))))
}

// drawn is the toxics of a round, in any order. In a long run one round of four has a long one too.
func drawn(test string, round int) []toxic {
	random := seeded(test, round)
	all := append([]toxic(nil), toxics...)
	if isLong() && random.IntN(4) == 0 {
		all = append(all, longToxics[random.IntN(len(longToxics))])
	}
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
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
	cmd     *exec.Cmd
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
	n := &network{t: t, cmd: cmd, orders: orders, answers: bufio.NewScanner(answers)}
	if !n.answers.Scan() {
		t.Fatal("the proxy did not start")
	}
	n.listens = n.answers.Text()
	return n
}

func (n *network) address() string { return "tcp://" + n.listens }

func (n *network) poison(what toxic) {
	for _, p := range what.parts {
		n.order(fmt.Sprintf(`{"name": %q, "type": %q, "stream": %q, "attributes": %s}`, p.kind+p.stream, p.kind, p.stream, p.attributes))
	}
}

// hurt poisons for as long as the toxic lasts: nothing is waited for.
func (n *network) hurt(what toxic) {
	n.poison(what)
	time.Sleep(cmp.Or(what.lasts, smoke))
	n.heal()
}

func (n *network) heal() { n.order(heal) }

func (n *network) order(line string) {
	stuck := time.AfterFunc(patience, func() { _ = n.cmd.Process.Kill() }) // so that the answer ends
	defer stuck.Stop()
	if _, err := fmt.Fprintln(n.orders, line); err != nil {
		n.t.Error(err)
	} else if !n.answers.Scan() || n.answers.Text() != "" {
		n.t.Errorf("the proxy does not do %s: %s", line, n.answers.Text())
	}
}
