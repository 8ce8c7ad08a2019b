package rows_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/actorbridge/actorbridge/examples/handover/flightsv1"
	"github.com/actorbridge/actorbridge/examples/handover/rows"
)

const good = "2013,1,1,517,515,2,830,819,11,UA,1545,N14228,EWR,IAH,227,1400,5,15,2013-01-01T10:00:00Z"

func save(t *testing.T, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rows.csv")
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func zipped(t *testing.T, text string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// read returns the carriers of the good rows, the malformed ones, and the error that ended it, nil at the file's end.
func read(t *testing.T, path string) (carriers []string, bad []string, err error) {
	t.Helper()
	file, err := rows.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	for {
		var d flightsv1.Departure
		var malformed *rows.Malformed
		switch err := file.Next(&d); {
		case errors.Is(err, io.EOF):
			return carriers, bad, nil
		case errors.As(err, &malformed):
			bad = append(bad, malformed.Error())
		case err != nil:
			return carriers, bad, err
		default:
			carriers = append(carriers, d.Carrier)
			if d.Row != uint64(len(carriers)) {
				t.Fatalf("row %d has number %d", len(carriers), d.Row)
			}
		}
	}
}

func TestFilesThatPeopleMakeAreRead(t *testing.T) {
	all := func(lines ...string) string { return strings.Join(lines, "\n") + "\n" }
	quoted := `"2013",1,1,517,515,2,830,819,11,"U""A, Inc",1545,N1"4,EWR,IAH,227,1400,5,15,"x,y"`
	for name, c := range map[string]struct {
		text string
		want string
	}{
		"two rows":                    {all(rows.Header, good, good), "UA UA"},
		"no line end at the end":      {rows.Header + "\n" + good, "UA"},
		"header only":                 {all(rows.Header), ""},
		"header without line end":     {rows.Header, ""},
		"CRLF":                        {strings.ReplaceAll(all(rows.Header, good), "\n", "\r\n"), "UA"},
		"byte order mark":             {"\uFEFF" + all(rows.Header, good), "UA"},
		"quotes":                      {all(`"year"`+strings.TrimPrefix(rows.Header, "year"), quoted), `U"A, Inc`},
		"all fields empty":            {all(rows.Header, strings.Repeat(",", 18)), ""},
		"not UTF-8":                   {all(rows.Header, strings.Replace(good, "UA", "U\xff", 1)), "U\uFFFD"},
		"the longest line":            {all(rows.Header, good+strings.Repeat("0", rows.MaxLine-len(good))), "UA"},
		"integers larger than 32 bit": {all(rows.Header, strings.Replace(good, "1545", "-9000000000", 1)), "UA"},
	} {
		for _, content := range [][]byte{[]byte(c.text), zipped(t, c.text)} {
			carriers, bad, err := read(t, save(t, content))
			if got := strings.Join(carriers, " "); err != nil || len(bad) > 0 || got != c.want {
				t.Errorf("%s: read %q, malformed %q, error %v", name, got, bad, err)
			}
		}
	}
}

func TestAMalformedRowIsReportedWithItsLineAndCostsOnlyItself(t *testing.T) {
	for _, c := range []struct{ line, reason string }{
		{"", "1 fields instead of 19"},
		{"a,b", "2 fields instead of 19"},
		{good + ",", "20 fields instead of 19"},
		{strings.Replace(good, "517", `"517`, 1), "4 fields instead of 19"},
		{strings.Replace(good, "517", "5.17", 1), `dep_time is "5.17", which is neither empty nor an integer`},
		{strings.Replace(good, "1545", "NA", 1), `flight is "NA", which is neither empty nor an integer`},
		{strings.Replace(good, "2013", " 2013", 1), `year is " 2013", which is neither empty nor an integer`},
		{strings.Replace(good, ",15,", ",99999999999999999999,", 1), `minute is "99999999999999999999", which does not fit in 64 bits`},
		{strings.Repeat("x", rows.MaxLine+1), "the line is longer than 16384 bytes"},
		{strings.Repeat("x", 3<<20), "the line is longer than 16384 bytes"},
	} {
		text := strings.Join([]string{rows.Header, good, c.line, good}, "\n")
		carriers, bad, err := read(t, save(t, zipped(t, text)))
		if err != nil || len(carriers) != 2 || len(bad) != 1 || bad[0] != "line 3: "+c.reason {
			t.Errorf("%.40q: %d good rows, malformed %q, error %v", c.line, len(carriers), bad, err)
		}
	}
}

func TestAFileThatCannotBeReadIsAOneLineErrorThatNamesIt(t *testing.T) {
	whole := zipped(t, rows.Header+"\n"+strings.Repeat(good+"\n", 10_000))
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(whole)
	damaged[len(damaged)-6] ^= 1
	for name, c := range map[string]struct{ path, want string }{
		"missing":       {filepath.Join(t.TempDir(), "none.csv"), "no such file"},
		"folder":        {t.TempDir(), "not a regular file"},
		"pipe":          {fifo, "not a regular file"},
		"empty":         {save(t, nil), "its first line must be year,month"},
		"empty zip":     {save(t, zipped(t, "")), "its first line must be year,month"},
		"other header":  {save(t, []byte("a,b,c\n")), "its first line must be year,month"},
		"no line end":   {save(t, bytes.Repeat([]byte{'x'}, 1<<20)), "its first line must be year,month"},
		"torn zip":      {save(t, whole[:len(whole)/2]), "cannot be read after line "},
		"damaged zip":   {save(t, damaged), "cannot be read after line 10001"},
		"torn zip head": {save(t, whole[:5]), "cannot be read after line 0"},
	} {
		_, _, err := read(t, c.path)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") ||
			!strings.Contains(err.Error(), c.path) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMemoryDoesNotGrowWithTheFile(t *testing.T) {
	path := save(t, zipped(t, rows.Header+"\n"+strings.Repeat(good+"\n", 200_000)))
	file, err := rows.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var d flightsv1.Departure
	live := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	var early uint64
	for n := 1; ; n++ {
		if err := file.Next(&d); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		switch n {
		case 1_000:
			early = live()
		case 199_000:
			if late := live(); late > early+1<<20 {
				t.Fatalf("%d bytes after 1,000 rows, %d after 199,000", early, late)
			}
		}
	}
}
