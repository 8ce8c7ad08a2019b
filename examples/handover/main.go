// Handover sends each row of a file of flights, as a message, from a Go actor to the actor ab:///carriers, which moves
// from Go to Rust and back while the rows stream to it; over each door it must have counted what it counts when it never
// moves. `make demo` runs it.
//
// Read main.go, then stream.go: one run. moves.go moves the actor, doors.go and child.go start the Rust side, actors/ has
// the actors, tally/ what they count, rows/ the file, outcome/ what a run is held to.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/actorbridge/actorbridge/examples/handover/outcome"
)

// Exit codes.
const (
	exitDiffers     = 1 // also: a run failed
	exitUnusable    = 2
	exitInterrupted = 130
)

const usage = `usage: handover [options] FILE
FILE is read twice, so it is a regular file: CSV with the header of flights-2013-01.csv.gz, compressed or not.

`

type arguments struct {
	file  string
	rust  string
	json  string
	doors []string
	// malformed: the rows that are skipped are named.
	malformed bool
}

func main() {
	args, err := parse(os.Args[1:], os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		fmt.Fprintln(os.Stderr, oneLine(err))
		os.Exit(exitUnusable)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second ^C ends the program at once
	equal, err := demo(ctx, args)
	var unusable *unusableError
	switch {
	case err == nil && equal:
	case err == nil:
		os.Exit(exitDiffers)
	case ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "interrupted")
		os.Exit(exitInterrupted)
	case errors.As(err, &unusable):
		fmt.Fprintln(os.Stderr, oneLine(err))
		os.Exit(exitUnusable)
	default:
		fmt.Fprintln(os.Stderr, "the demo failed:", oneLine(err))
		os.Exit(exitDiffers)
	}
}

func parse(given []string, out io.Writer) (*arguments, error) {
	args := &arguments{}
	flags := flag.NewFlagSet("handover", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&args.rust, "rust", "target/ci/handover-rust", "the Rust `program`, for the door remote")
	flags.StringVar(&args.json, "json", "target/demo.json", "`path` of the document that says what came out")
	flags.BoolVar(&args.malformed, "malformed", false, "name the first rows that are skipped since they are malformed, and why")
	doors := flags.String("doors", "native,remote", "a run over each of these `doors`, joined by commas")
	err := flags.Parse(given)
	if errors.Is(err, flag.ErrHelp) {
		flags.SetOutput(out)
		fmt.Fprint(out, usage)
		flags.PrintDefaults()
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%w; see handover --help", err)
	}
	if flags.NArg() != 1 {
		return nil, fmt.Errorf("one FILE is wanted, %d are given; see handover --help", flags.NArg())
	}
	args.file, args.doors = flags.Arg(0), strings.Split(*doors, ",")
	for _, door := range args.doors {
		if openers[door] == nil {
			return nil, fmt.Errorf("%q is not a door; native and remote are", door)
		}
	}
	return args, nil
}

// unusableError is about what was given to the program.
type unusableError struct{ error }

func (e *unusableError) Unwrap() error { return e.error }

// demo makes all runs, prints what came out, and says whether all are equal.
func demo(ctx context.Context, args *arguments) (equal bool, err error) {
	// A document of an earlier run must not be taken for one of this.
	if err := os.Remove(args.json); err != nil && !errors.Is(err, os.ErrNotExist) {
		return false, &unusableError{err}
	}
	found, err := count(ctx, args.file, newBar("counting", 0))
	if err != nil {
		return false, &unusableError{err}
	}
	if args.malformed {
		found.report(os.Stderr)
	}
	fmt.Printf("%s: %d rows, %d malformed ones skipped\n\n", filepath.Base(args.file), found.Rows, found.Skipped)

	baseline, err := (&stream{path: args.file, rows: found.Rows}).run(ctx, "baseline")
	if err != nil {
		return false, fmt.Errorf("the baseline: %w", err)
	}
	outcome.PrintReport(os.Stdout, baseline.Report)
	outcome.PrintBaseline(os.Stdout, baseline)
	var runs []*outcome.Run
	equal = len(baseline.Differences(baseline, found.Counts)) == 0
	for _, door := range args.doors {
		run, err := openers[door](ctx, args, found.Rows)
		if err != nil {
			return false, fmt.Errorf("over the door %s: %w", door, err)
		}
		runs = append(runs, run)
		outcome.PrintRun(os.Stdout, run)
		equal = outcome.PrintVerdict(os.Stdout, run, baseline, found.Counts) && equal
	}
	return equal, outcome.DocumentOf(found.Counts, baseline, runs).Write(args.json)
}

// oneLine is an error as one line: errors of a run and of its end are joined by line ends.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
