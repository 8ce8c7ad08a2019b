// Command peer-native hosts a Go and a Rust node in one process for the behaviour cases over the native door: orders on
// stdin, answers on stdout, one JSON document a line. It ends when its stdin is closed. compat-tests/README.md describes the
// conversation.
package main

import (
	"fmt"
	"os"

	"github.com/actorbridge/actorbridge/go-client/door"

	"github.com/actorbridge/actorbridge/compat-tests/peer-go/driver"
	_ "github.com/actorbridge/actorbridge/compat-tests/peer-native/rustcore" // links the Rust node
)

func main() {
	if err := driver.New(&host{doors: make(map[string]door.Door)}).Serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "compat-peer-native:", err)
		os.Exit(1)
	}
}
