package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
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

// network is a proxy before an address.
type network struct {
	t     *testing.T
	proxy *toxiproxy.Proxy
}

func newNetwork(t *testing.T, before string) *network {
	t.Helper()
	quiet := zerolog.Nop()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), quiet)
	n := &network{t, toxiproxy.NewProxy(server, t.Name(), "127.0.0.1:0", strings.TrimPrefix(before, "tcp://"))}
	must(t, n.proxy.Start())
	t.Cleanup(n.proxy.Stop)
	return n
}

func (n *network) address() string { return "tcp://" + n.proxy.Listen }

func (n *network) poison(what toxic) {
	for _, stream := range []string{"upstream", "downstream"} {
		if what.upstreamOnly && stream == "downstream" {
			continue
		}
		_, err := n.proxy.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(
			`{"name": %q, "type": %q, "stream": %q, "attributes": %s}`, what.kind+stream, what.kind, stream, what.attributes)))
		if err != nil {
			n.t.Error(err)
		}
	}
}

func (n *network) heal() { n.proxy.Toxics.ResetToxics(context.Background()) }

// shuffled is the toxics in an order that the seed says.
func shuffled(seed uint64) []toxic {
	all := append([]toxic(nil), toxics...)
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}
