//go:build cgo

// Package foreign installs signal handlers as libraries in other languages do, for tests.
package foreign

// #include <signal.h>
// #include <string.h>
//
// static struct sigaction earlier;
//
// static void handle(int signal, siginfo_t *info, void *context) {
//     if (earlier.sa_flags & SA_SIGINFO)
//         earlier.sa_sigaction(signal, info, context);
//     else if (earlier.sa_handler != SIG_DFL && earlier.sa_handler != SIG_IGN)
//         earlier.sa_handler(signal);
// }
//
// static int install(int signal) {
//     struct sigaction action;
//     memset(&action, 0, sizeof action);
//     action.sa_sigaction = handle;
//     action.sa_flags = SA_SIGINFO | SA_RESTART; /* and no SA_ONSTACK */
//     return sigaction(signal, &action, &earlier);
// }
import "C"

import (
	"fmt"
	"syscall"
)

// Handle puts a handler before the one that is there, without SA_ONSTACK.
func Handle(signal syscall.Signal) error {
	if C.install(C.int(signal)) != 0 {
		return fmt.Errorf("no handler for %v could be installed", signal)
	}
	return nil
}
