package abtest_test

import (
	"context"
	"fmt"
	"strings"
)

// exampleT stands in for the t of a test, which an example has none of: it prints the first line of what is wrong.
type exampleT struct{ complaints }

func (*exampleT) Context() context.Context { return context.Background() }

func (*exampleT) Error(args ...any) {
	line, _, _ := strings.Cut(fmt.Sprint(args...), "\n")
	fmt.Println(line)
}

func (t *exampleT) Errorf(format string, args ...any) { t.Error(fmt.Sprintf(format, args...)) }

func (*exampleT) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

func (t *exampleT) Fatalf(format string, args ...any) { t.Fatal(fmt.Sprintf(format, args...)) }
