package rows_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"unicode/utf8"

	"github.com/actorbridge/actorbridge/examples/handover/flightsv1"
	"github.com/actorbridge/actorbridge/examples/handover/rows"
)

// FuzzRows: whatever stands below the header, each line is a row or malformed, reading ends, and text is UTF-8.
func FuzzRows(f *testing.F) {
	for _, seed := range []string{good, good + "\r\n\"", "\"\"\"\n,", "\xff,\x00", good + "\n" + good + ","} {
		f.Add([]byte(seed))
	}
	path := filepath.Join(f.TempDir(), "rows.csv")
	f.Fuzz(func(t *testing.T, below []byte) {
		if err := os.WriteFile(path, append([]byte(rows.Header+"\n"), below...), 0o600); err != nil {
			t.Fatal(err)
		}
		lines := 0
		for i, b := range below {
			if b == '\n' || i == len(below)-1 {
				lines++
			}
		}
		file, err := rows.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		var d flightsv1.Departure
		for range lines {
			err := file.Next(&d)
			if err != nil && !errors.As(err, new(*rows.Malformed)) {
				t.Fatal(err)
			}
			if err == nil && !(utf8.ValidString(d.Carrier) && utf8.ValidString(d.TimeHour)) {
				t.Fatalf("text that is not UTF-8: %q", &d)
			}
		}
		if err := file.Next(&d); !errors.Is(err, io.EOF) {
			t.Fatalf("after %d lines: %v", lines, err)
		}
	})
}
