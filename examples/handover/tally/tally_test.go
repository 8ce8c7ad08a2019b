package tally_test

import (
	"bufio"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/actorbridge/actorbridge/examples/handover/flightsv1"
	"github.com/actorbridge/actorbridge/examples/handover/rows"
	"github.com/actorbridge/actorbridge/examples/handover/tally"
)

const recorded = "../testdata/tally.txt"

var update = flag.Bool("update", false, "rewrite "+recorded)

// script is the order in which the rows of testdata/rows.csv are counted: with gaps, filled gaps, repeats and moves.
var script = strings.Fields("1 2 state 3 move:rust 7 8 state 5 4 6 state 5 move:go 9 10 10 page state")

func encoded(t *testing.T, m proto.Message) string {
	t.Helper()
	bytes, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(bytes)
}

func allRows(t *testing.T) map[string]*flightsv1.Departure {
	t.Helper()
	file, err := rows.Open("../testdata/rows.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	all := map[string]*flightsv1.Departure{}
	for {
		var d flightsv1.Departure
		if err := file.Next(&d); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all[fmt.Sprint(d.Row)] = proto.CloneOf(&d)
	}
}

func TestTheTallyGivesTheRecordedResultsThatTheRustTallyIsHeldTo(t *testing.T) {
	departures := allRows(t)
	counted := tally.New("go")
	var lines strings.Builder
	fmt.Fprintln(&lines, "# Made by `go test ./tally -update`. add, state and page: encoded messages; move: to a language.")
	for _, step := range script {
		switch what, language, _ := strings.Cut(step, ":"); what {
		case "state":
			fmt.Fprintln(&lines, "state", encoded(t, counted.Snapshot()))
		case "page":
			fmt.Fprintln(&lines, "page", encoded(t, counted.Page(nil)))
		case "move":
			var err error
			if counted, err = tally.Restore(counted.Snapshot(), language); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(&lines, "move", language)
		default:
			if err := counted.Add(departures[step]); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(&lines, "add", encoded(t, departures[step]))
		}
	}
	if *update {
		if err := os.WriteFile(recorded, []byte(lines.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.Open(recorded)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	want, got := bufio.NewScanner(file), bufio.NewScanner(strings.NewReader(lines.String()))
	for line := 1; ; line++ {
		more := want.Scan()
		if more != got.Scan() || want.Text() != got.Text() {
			t.Fatalf("%s:%d differs:\nhave %s\nwant %s", recorded, line, got.Text(), want.Text())
		}
		if !more {
			return
		}
	}
}

func TestRowsThatAreMissingLateOrRepeatedAreToldApart(t *testing.T) {
	counted := tally.New("go")
	for _, row := range []uint64{1, 2, 6, 4, 4, 1, 3, 7} {
		if err := counted.Add(&flightsv1.Departure{Row: row}); err != nil {
			t.Fatal(err)
		}
	}
	state := counted.Snapshot()
	if state.Handled != 8 || state.Twice != 2 || state.OutOfOrder != 2 || state.LastRow != 7 {
		t.Fatalf("handled %d, twice %d, out of order %d, last %d", state.Handled, state.Twice, state.OutOfOrder, state.LastRow)
	}
	if len(state.Gaps) != 1 || state.Gaps[0].From != 5 || state.Gaps[0].To != 5 {
		t.Fatalf("gaps %v, want 5 alone", state.Gaps)
	}
}

func TestTheDigestTellsTheSameRowsInAnotherOrderAndAnotherFieldApart(t *testing.T) {
	sum := func(departures ...*flightsv1.Departure) uint64 {
		counted := tally.New("go")
		for _, d := range departures {
			if err := counted.Add(d); err != nil {
				t.Fatal(err)
			}
		}
		return counted.Snapshot().Digest
	}
	a, b := &flightsv1.Departure{Row: 1, Carrier: "AA"}, &flightsv1.Departure{Row: 2, Carrier: "BB"}
	if sum(a, b) == sum(b, a) {
		t.Error("the order does not show")
	}
	fields := a.ProtoReflect().Descriptor().Fields()
	seen := map[uint64]string{sum(&flightsv1.Departure{}): "nothing"}
	for i := range fields.Len() {
		one := &flightsv1.Departure{}
		value := one.ProtoReflect().NewField(fields.Get(i))
		switch value.Interface().(type) {
		case string:
			one.ProtoReflect().Set(fields.Get(i), protoreflect.ValueOfString("x"))
		case uint64:
			one.ProtoReflect().Set(fields.Get(i), protoreflect.ValueOfUint64(1))
		default:
			one.ProtoReflect().Set(fields.Get(i), value) // present, and 0
		}
		if other, same := seen[sum(one)]; same {
			t.Errorf("%s alone and %s alone have the same digest", fields.Get(i).Name(), other)
		}
		seen[sum(one)] = string(fields.Get(i).Name())
	}
}

func TestPagesTogetherHoldEveryCarrierOnceAndACarrierTooManyIsRefused(t *testing.T) {
	counted := tally.New("go")
	for n := range tally.MaxCarriers {
		if err := counted.Add(&flightsv1.Departure{Row: uint64(n) + 1, Carrier: fmt.Sprintf("%05d", n)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := counted.Add(&flightsv1.Departure{Carrier: "one more"}); !errors.Is(err, tally.ErrTooManyCarriers) {
		t.Fatalf("one carrier too many: %v", err)
	}
	var names []string
	for after, more := (*string)(nil), true; more; after = &names[len(names)-1] {
		page := counted.Page(after)
		if size := proto.Size(page); size >= 64<<10 {
			t.Fatalf("a page of %d bytes does not fit in one message", size)
		}
		for _, c := range page.Carriers {
			names = append(names, c.Carrier)
		}
		more = page.More
	}
	if len(names) != tally.MaxCarriers || !slices.IsSorted(names) || len(slices.Compact(names)) != tally.MaxCarriers {
		t.Fatalf("%d names in the pages", len(names))
	}
}

func TestAStateOfAnotherShapeIsRefused(t *testing.T) {
	state := &flightsv1.Report{Carriers: []*flightsv1.Carrier{{Carrier: "no histogram"}}}
	if _, err := tally.Restore(state, "go"); !errors.Is(err, tally.ErrForeignState) {
		t.Fatalf("restored: %v", err)
	}
}
