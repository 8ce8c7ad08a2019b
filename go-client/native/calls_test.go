//go:build cgo

package native

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestEveryCallOfTheLibraryKeepsNoPointerAndCallsNothingBack(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	call := regexp.MustCompile(`\bC\.(ab_\w+)\(`)
	promise := regexp.MustCompile(`(?m)^// #cgo (noescape|nocallback) (ab_\w+)$`)
	called, promised := make(map[string]string), make(map[string]bool)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range call.FindAllSubmatch(text, -1) {
			called[string(m[1])] = name
		}
		for _, m := range promise.FindAllSubmatch(text, -1) {
			promised[string(m[1])+" "+string(m[2])] = true
		}
	}
	if len(called) == 0 {
		t.Fatal("no call was found")
	}
	for function, name := range called {
		for _, directive := range []string{"noescape", "nocallback"} {
			if !promised[directive+" "+function] {
				t.Errorf("%s calls %s, without `#cgo %s %s`: its arguments are on the heap, or the call is slower", name, function, directive, function)
			}
		}
	}
}
