// Package rows reads departures from a file of the shape of flights-2013-01.csv.gz, compressed or not, in memory that
// does not grow with the file.
//
// One line is one row: a quoted field may hold commas and doubled quotes, but no line break.
package rows

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/actorbridge/actorbridge/examples/handover/flightsv1"
)

// MaxLine is the longest line that is a row, in bytes without its line end. A longer one is a malformed row; it is
// skipped without being held in memory.
const MaxLine = 16 << 10

// Header is what the first line must say.
const Header = "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,carrier,flight," +
	"tailnum,origin,dest,air_time,distance,hour,minute,time_hour"

// Malformed is a row that is skipped. It costs that row only: call Next again.
type Malformed struct {
	// Line counts from 1; the header is line 1.
	Line   int
	Reason string
}

func (m *Malformed) Error() string { return fmt.Sprintf("line %d: %s", m.Line, m.Reason) }

// File is an open file of departures. It is not safe for concurrent use.
type File struct {
	path    string
	file    *os.File
	lines   *bufio.Reader
	line    int
	row     uint64
	fields  []string
	numbers [columns]int64
}

// Open opens path and checks its header. The file is read twice by the demo, so what is not a regular file (a pipe, a
// terminal, a folder) is refused.
func Open(path string) (*File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the data: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("cannot read the data: %s is not a regular file; it is read twice, so save it to a file first", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the data: %w", err)
	}
	f := &File{path: path, file: file}
	if err := f.start(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return f, nil
}

// start finds out whether the file is compressed and reads the header.
func (f *File) start() error {
	raw := bufio.NewReaderSize(f.file, 64<<10)
	f.lines = raw
	if magic, _ := raw.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		unzipped, err := gzip.NewReader(raw)
		if err != nil {
			return f.broken(err)
		}
		f.lines = bufio.NewReaderSize(unzipped, 64<<10)
	}
	if mark, _ := f.lines.Peek(3); string(mark) == "\uFEFF" {
		if _, err := f.lines.Discard(3); err != nil {
			return f.broken(err)
		}
	}
	header, err := f.readLine()
	switch {
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%s is empty; its first line must be %s", f.path, Header)
	case errors.As(err, new(*Malformed)): // too long to be the header
	case err != nil:
		return err
	}
	if f.fields = split(f.fields[:0], string(header)); strings.Join(f.fields, ",") != Header {
		return fmt.Errorf("%s has another header; its first line must be %s", f.path, Header)
	}
	return nil
}

// Next reads the next good row into d, whose fields it overwrites; they are valid until the next call. It returns
// io.EOF after the last row, a *Malformed for each row that is not one, and any other error when reading failed.
func (f *File) Next(d *flightsv1.Departure) error {
	line, err := f.readLine()
	if err != nil {
		return err
	}
	f.fields = split(f.fields[:0], string(line))
	if err := f.fill(d); err != nil {
		return err
	}
	f.row++
	d.Row = f.row
	return nil
}

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }

// readLine returns the next line without its end, valid until the next call.
func (f *File) readLine() ([]byte, error) {
	line, err := f.lines.ReadSlice('\n')
	long := errors.Is(err, bufio.ErrBufferFull)
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = f.lines.ReadSlice('\n')
	}
	last := errors.Is(err, io.EOF) && len(line) > 0 // the last line may lack its end
	if err != nil && !last {
		return nil, f.broken(err)
	}
	f.line++
	if line = trimEnd(line); long || len(line) > MaxLine {
		return nil, f.malformed("the line is longer than %d bytes", MaxLine)
	}
	return line, nil
}

func trimEnd(line []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
}

// broken says in one line why the file cannot be read on; io.EOF stays as it is.
func (f *File) broken(err error) error {
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	return fmt.Errorf("%s cannot be read after line %d: %w", f.path, f.line, err)
}

func (f *File) malformed(format string, args ...any) *Malformed {
	return &Malformed{Line: f.line, Reason: fmt.Sprintf(format, args...)}
}

// split appends the fields of a line. A quote inside a field that did not start with one is a letter like any other.
func split(fields []string, line string) []string {
	for {
		field, rest, more := nextField(line)
		fields = append(fields, field)
		if !more {
			return fields
		}
		line = rest
	}
}

func nextField(line string) (field, rest string, more bool) {
	if !strings.HasPrefix(line, `"`) {
		return strings.Cut(line, ",")
	}
	var text strings.Builder
	for i := 1; i < len(line); i++ {
		switch {
		case line[i] != '"':
			text.WriteByte(line[i])
		case i+1 < len(line) && line[i+1] == '"':
			text.WriteByte('"')
			i++
		default: // the closing quote; what stands between it and the comma belongs to the field
			tail, rest, more := strings.Cut(line[i+1:], ",")
			return text.String() + tail, rest, more
		}
	}
	return text.String(), "", false
}

// number reads an integer column; nil = empty.
func (f *File) number(column int) (*int64, *Malformed) {
	text := f.fields[column]
	if text == "" {
		return nil, nil
	}
	value, err := strconv.ParseInt(text, 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		return nil, f.malformed("%s is %.40q, which does not fit in 64 bits", names[column], text)
	}
	if err != nil {
		return nil, f.malformed("%s is %.40q, which is neither empty nor an integer", names[column], text)
	}
	f.numbers[column] = value
	return &f.numbers[column], nil
}
