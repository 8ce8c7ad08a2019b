// Command peer-go hosts Go nodes for the behaviour cases: orders on stdin, answers on stdout, one JSON document a line. It
// ends when its stdin is closed. compat-tests/README.md describes the conversation.
package main

import (
	"fmt"
	"os"

	"github.com/actorbridge/actorbridge/compat-tests/peer-go/driver"
)

func main() {
	if err := driver.New(nil).Serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "compat-peer-go:", err)
		os.Exit(1)
	}
}
