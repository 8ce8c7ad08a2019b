package outcome

import (
	"fmt"
	"testing"
)

func TestTheCommittedMonthHasItsKnownGoodAndMalformedRows(t *testing.T) {
	run, counts := counted(t, "../data/flights-2013-01.csv.gz")
	if counts != (Counts{Rows: 26_398, Skipped: 606}) {
		t.Fatalf("%+v, the month has 27,004 lines, 606 of them with NA", counts)
	}
	var cancelled, arrived uint64
	for _, c := range run.Report.Carriers {
		cancelled += c.Cancelled
		arrived += c.Arrived
	}
	if got := fmt.Sprintf("%d carriers, %d cancelled, %d arrived", len(run.Report.Carriers), cancelled, arrived); got != january {
		t.Errorf("%s; want %s", got, january)
	}
}

// january was counted by another program, with the same rule: a row with NA in a numeric column is malformed. The month's
// 521 cancelled flights are among those rows.
const january = "16 carriers, 0 cancelled, 26398 arrived"
