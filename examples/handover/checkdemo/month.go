package main

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
)

// Header is written out here too: this program shares no code with the demo that it checks.
const header = "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,carrier,flight," +
	"tailnum,origin,dest,air_time,distance,hour,minute,time_hour"

// Month is a made-up month of flights and what the demo must find in it.
type Month struct {
	Good int
	// BadEvery: each so many rows one is malformed; 0 = none.
	BadEvery int
	Carriers int
	LineEnd  string
	NoLast   bool // the last line has no end
	Zipped   bool
	Quoted   bool
}

// malformed rows, each in its own way.
var malformed = []string{
	"2014,2,30", "",
	"2014,2,1,x,600,0,700,700,0,AA,1,N1,JFK,LAX,60,100,6,0,t",
	"2014,2,1,600,600,1.5,700,700,0,AA,1,N1,JFK,LAX,60,100,6,0,t",
	"2014,2,1,600,600,0,700,700,NA,AA,1,N1,JFK,LAX,60,100,6,0,t",
	"2014,2,1,600,600,0,700,700,0,AA,1,N1,JFK,LAX,60,100,6,0,t,and one more",
}

// write makes the file and returns what a correct demo says about it.
func (m Month) write(path string, seed uint64) (want document, err error) {
	file, err := os.Create(path)
	if err != nil {
		return want, err
	}
	defer func() {
		if closed := file.Close(); err == nil {
			err = closed
		}
	}()
	var out io.Writer = file
	if m.Zipped {
		zipper := gzip.NewWriter(file)
		defer func() {
			if closed := zipper.Close(); err == nil {
				err = closed
			}
		}()
		out = zipper
	}
	buffered := bufio.NewWriter(out)
	want = m.rows(buffered, rand.New(rand.NewPCG(seed, 2014)))
	return want, buffered.Flush()
}

func (m Month) rows(out *bufio.Writer, random *rand.Rand) document {
	end := m.LineEnd
	if end == "" {
		end = "\n"
	}
	expected := newExpected()
	out.WriteString(header)
	for row := range m.Good {
		if m.BadEvery > 0 && row%m.BadEvery == 0 {
			out.WriteString(end + malformed[row/m.BadEvery%len(malformed)])
			expected.Skipped++
		}
		out.WriteString(end + m.row(random, expected))
	}
	if !m.NoLast {
		out.WriteString(end)
	}
	return expected.document()
}

// row is one good row: cancelled, diverted or arrived.
func (m Month) row(random *rand.Rand, expected *expected) string {
	carrier := fmt.Sprintf("C%d", random.IntN(max(m.Carriers, 1)))
	fields := []string{"2014", "2", strconv.Itoa(1 + random.IntN(28)), "", "600", "", "", "700", "",
		carrier, strconv.Itoa(random.IntN(9000)), "N" + strconv.Itoa(random.IntN(999)), "JFK", "LAX", "", "2475", "6", "0", "2014-02-01T11:00:00Z"}
	var arrival *int64
	departed := random.IntN(20) != 0
	if departed {
		fields[3], fields[5] = strconv.Itoa(600+random.IntN(60)), strconv.Itoa(random.IntN(90)-20)
		if random.IntN(50) != 0 {
			delay := int64(random.IntN(400) - 80)
			arrival = &delay
			fields[6], fields[8], fields[14] = "1100", strconv.FormatInt(delay, 10), "330"
		}
	}
	if m.Quoted {
		fields[9], fields[11] = `"`+carrier+`"`, `"N ""1"", x"`
	}
	expected.add(carrier, departed, arrival)
	return strings.Join(fields, ",")
}
