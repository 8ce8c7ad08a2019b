package rows

import (
	"strings"

	"github.com/actorbridge/actorbridge/examples/handover/flightsv1"
)

// columns is how many fields a row has.
const columns = 19

var names = strings.Split(Header, ",")

// fill sets all fields of d but its row from the fields of the line.
func (f *File) fill(d *flightsv1.Departure) error {
	if len(f.fields) != columns {
		return f.malformed("%d fields instead of %d", len(f.fields), columns)
	}
	for _, c := range [...]struct {
		column int
		number **int64
	}{
		{0, &d.Year}, {1, &d.Month}, {2, &d.Day}, {3, &d.DepTime}, {4, &d.SchedDepTime}, {5, &d.DepDelay},
		{6, &d.ArrTime}, {7, &d.SchedArrTime}, {8, &d.ArrDelay}, {10, &d.Flight}, {14, &d.AirTime}, {15, &d.Distance},
		{16, &d.Hour}, {17, &d.Minute},
	} {
		value, bad := f.number(c.column)
		if bad != nil {
			return bad
		}
		*c.number = value
	}
	for _, c := range [...]struct {
		column int
		text   *string
	}{{9, &d.Carrier}, {11, &d.Tailnum}, {12, &d.Origin}, {13, &d.Dest}, {18, &d.TimeHour}} {
		// A protobuf string is UTF-8: what is not becomes U+FFFD, and the row stays good.
		*c.text = strings.ToValidUTF8(f.fields[c.column], "\uFFFD")
	}
	return nil
}
