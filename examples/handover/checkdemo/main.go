// Checkdemo runs the demo over months that it makes up itself, and holds target/demo.json to what it knows of them. It
// shares no code with the demo. Usage, from the repository's root: checkdemo DEMO RUST, with the paths of the demo's two
// programs.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

const jsonPath = "target/demo.json"

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: checkdemo DEMO RUST")
		os.Exit(2)
	}
	folder, err := os.MkdirTemp("", "checkdemo")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer os.RemoveAll(folder)
	passed, failed := 0, 0
	check := func(name string, err error) {
		if err != nil {
			failed++
			fmt.Printf("FAIL %s: %v\n", name, err)
			return
		}
		passed++
		fmt.Printf("ok   %s\n", name)
	}
	for name, month := range months {
		check(name, checkMonth(folder, month))
	}
	for name, prepare := range refused {
		check(name, checkRefused(folder, prepare))
	}
	for name, end := range ends {
		check(name, checkEnd(folder, end))
	}
	fmt.Printf("%d passed, %d failed\n", passed, failed)
	if failed > 0 {
		os.RemoveAll(folder)
		os.Exit(1)
	}
}

var months = map[string]Month{
	"another month with malformed rows":  {Good: 20_000, BadEvery: 97, Carriers: 12, Zipped: true},
	"CRLF, quotes, not compressed":       {Good: 3_000, BadEvery: 1_000, Carriers: 3, LineEnd: "\r\n", Quoted: true},
	"more carriers than one answer":      {Good: 5_000, Carriers: 2_000, Zipped: true},
	"a header alone":                     {},
	"one row, without a line end":        {Good: 1, NoLast: true},
	"three rows":                         {Good: 3, Zipped: true},
	"four rows and as many that are not": {Good: 4, BadEvery: 1},
}

func checkMonth(folder string, month Month) error {
	path := filepath.Join(folder, "month with a space.csv")
	want, err := month.write(path, 7)
	if err != nil {
		return err
	}
	stdout, stderr, err := demo(path)
	if err != nil {
		return fmt.Errorf("%w\n%s%s", err, stdout, stderr)
	}
	if summary := fmt.Sprintf("%d malformed ones skipped\n", *want.Skipped); !strings.Contains(stdout, summary) || stderr != "" {
		return fmt.Errorf("%d malformed rows, and not one line about them:\n%s%s", *want.Skipped, stdout, stderr)
	}
	text, err := os.ReadFile(jsonPath)
	if err != nil {
		return err
	}
	var got document
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&got); err != nil {
		return err
	}
	return got.compare(want)
}

func (d document) compare(want document) error {
	if d.Rows == nil || *d.Rows != *want.Rows || d.Skipped == nil || *d.Skipped != *want.Skipped {
		return fmt.Errorf("rows and skipped are not %d and %d", *want.Rows, *want.Skipped)
	}
	if len(d.Doors) != 2 || d.Doors[0].Door != "native" || d.Doors[1].Door != "remote" {
		return fmt.Errorf("the doors are %v", d.Doors)
	}
	for _, door := range d.Doors {
		if door.Sent != *want.Rows || door.Handled != *want.Rows || door.Lost == nil || *door.Lost != 0 || door.Twice == nil ||
			*door.Twice != 0 || !door.InOrder || door.Moves != 2 || len(door.PauseMS) != 2 || !door.EqualToBaseline {
			return fmt.Errorf("door %s: %+v", door.Door, door)
		}
	}
	if len(d.Report) != len(want.Report) {
		return fmt.Errorf("%d carriers, want %d", len(d.Report), len(want.Report))
	}
	for i, have := range d.Report {
		expect := want.Report[i]
		sameMax := (have.MaxArrDelay == nil) == (expect.MaxArrDelay == nil) &&
			(have.MaxArrDelay == nil || *have.MaxArrDelay == *expect.MaxArrDelay)
		if have.Carrier != expect.Carrier || have.Flights != expect.Flights || have.Cancelled != expect.Cancelled ||
			have.Arrived != expect.Arrived || math.Abs(have.MeanArrDelay-expect.MeanArrDelay) > 1e-9 || !sameMax {
			return fmt.Errorf("carrier %d is %+v, want %+v", i, have, expect)
		}
	}
	return nil
}

var refused = map[string]func(path string) error{
	"a missing file": func(string) error { return nil },
	"a folder":       func(path string) error { return os.Mkdir(path, 0o700) },
	"a pipe":         func(path string) error { return syscall.Mkfifo(path, 0o600) },
	"an empty file":  func(path string) error { return os.WriteFile(path, nil, 0o600) },
	"another header": func(path string) error { return os.WriteFile(path, []byte("a,b\n1,2\n"), 0o600) },
	"a torn archive": func(path string) error {
		if _, err := (Month{Good: 9_000, Carriers: 5, Zipped: true}).write(path, 8); err != nil {
			return err
		}
		return os.Truncate(path, 40_000)
	},
}

// checkRefused wants a failure that says why in one line, and no document.
func checkRefused(folder string, prepare func(string) error) error {
	path := filepath.Join(folder, "refused")
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	if err := prepare(path); err != nil {
		return err
	}
	_, stderr, err := demo(path)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, path) {
		return fmt.Errorf("%v, and said %q", err, stderr)
	}
	if _, err := os.Stat(jsonPath); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s is there: %v", jsonPath, err)
	}
	return nil
}

func demo(path string) (stdout, stderr string, err error) {
	var out, said bytes.Buffer
	command := exec.Command(os.Args[1], "--rust", os.Args[2], path)
	command.Stdout, command.Stderr = &out, &said
	err = command.Run()
	return out.String(), said.String(), err
}
