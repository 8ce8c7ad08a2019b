// Package faults hurts links between a Go node and nodes in other processes, Go and Rust, by proxies between them, and keeps account of
// every message: each ask ends, each tell is handled once, in order, or told. Its tests are all that it has; `make faults` runs them for
// long, with toxics that the short run has no time for.
//
//   - faults_test.go: one toxic after the other, and a partition that outlasts the pings. killed_test.go: a peer that is killed.
//   - slow_test.go: actors that are slow. two_links_test.go: two links, clogged one by one.
//   - world_test.go, traffic_test.go: two nodes, what goes between them, and the account of it. network_test.go, peer_test.go: the
//     processes. memory_test.go, long_test.go: what a long run looks at, and says.
package faults
