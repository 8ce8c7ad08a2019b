package outcome

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/actorbridge/actorbridge/examples/handover/flightsv1"
	"github.com/actorbridge/actorbridge/examples/handover/rows"
	"github.com/actorbridge/actorbridge/examples/handover/tally"
)

// counted is the run that any correct run over the file equals.
func counted(t *testing.T, path string) (*Run, Counts) {
	t.Helper()
	var counts Counts
	all := tally.New("go")
	err := rows.Each(t.Context(), path, func(d *flightsv1.Departure) error {
		counts.Rows++
		return all.Add(d)
	}, func(*rows.Malformed) { counts.Skipped++ })
	if err != nil {
		t.Fatal(err)
	}
	return &Run{Door: "test", Sent: counts.Rows, Report: all.Snapshot(), Took: time.Second}, counts
}

func copyOf(run *Run) *Run {
	other := *run
	other.Report = proto.CloneOf(run.Report)
	return &other
}

func TestEachWayInWhichARunCanDifferFromTheBaselineIsSaid(t *testing.T) {
	baseline, counts := counted(t, "../testdata/rows.csv")
	if differences := copyOf(baseline).Differences(baseline, counts); len(differences) > 0 {
		t.Fatalf("equal runs differ: %q", differences)
	}
	for want, change := range map[string]func(*Run){
		"sent 9 rows, the file has 10": func(r *Run) { r.Sent-- },
		"handled 9, baseline 10":       func(r *Run) { r.Report.Handled-- },
		"1 lost":                       func(r *Run) { r.Report.Handled-- },
		"1 handled twice":              func(r *Run) { r.Report.Twice++ },
		"2 out of order":               func(r *Run) { r.Report.OutOfOrder = 2 },
		"last row 11, baseline 10":     func(r *Run) { r.Report.LastRow++ },
		"digest 0000000000000001":      func(r *Run) { r.Report.Digest = 1 },
		`carrier "UA": carrier`:        func(r *Run) { carrier(r.Report, "UA").Cancelled++ },
		`carrier "new"`:                func(r *Run) { r.Report.Carriers = append(r.Report.Carriers, &flightsv1.Carrier{Carrier: "new"}) },
		`carrier "DL": <nil>`:          func(r *Run) { carrier(r.Report, "DL").Carrier = "DX" },
	} {
		run := copyOf(baseline)
		change(run)
		all := strings.ReplaceAll(strings.Join(run.Differences(baseline, counts), "\n"), "\u00a0", " ")
		if !strings.Contains(all, strings.SplitN(want, ":", 2)[0]) {
			t.Errorf("%q is not among %q", want, all)
		}
		var out bytes.Buffer
		if PrintVerdict(&out, run, baseline, counts) || !strings.Contains(out.String(), "NOT equal") {
			t.Errorf("%s: the verdict is %q", want, out.String())
		}
	}
}

func TestTheDocumentHasTheAgreedShapeAndNumbers(t *testing.T) {
	baseline, counts := counted(t, "../testdata/rows.csv")
	counts.Skipped = 3
	door := copyOf(baseline)
	door.Door = "native"
	door.Moves = []Move{{From: "go", To: "rust", Pause: 1500 * time.Microsecond}, {From: "rust", To: "go", Pause: 20 * time.Microsecond}}
	broken := copyOf(baseline)
	broken.Door, broken.Report.Twice, broken.Report.Handled = "remote", 1, 9
	path := filepath.Join(t.TempDir(), "new", "demo.json")
	if err := DocumentOf(counts, baseline, []*Run{door, broken}).Write(path); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := json.Compact(&got, text); err != nil {
		t.Fatal(err)
	}
	want := strings.ReplaceAll(`{"rows":10,"skipped":3,"doors":[
{"door":"native","sent":10,"handled":10,"lost":0,"twice":0,"in_order":true,"moves":2,"pause_ms":[1.5,0.02],"equal_to_baseline":true},
{"door":"remote","sent":10,"handled":9,"lost":2,"twice":1,"in_order":false,"moves":0,"pause_ms":[],"equal_to_baseline":false}],
"report":[
{"carrier":"","flights":1,"cancelled":1,"arrived":0,"mean_arr_delay":0,"max_arr_delay":null},
{"carrier":"B6","flights":3,"cancelled":0,"arrived":3,"mean_arr_delay":3074457345618258400,"max_arr_delay":9223372036854775807},
{"carrier":"DL","flights":1,"cancelled":0,"arrived":1,"mean_arr_delay":-25,"max_arr_delay":-25},
{"carrier":"EV","flights":1,"cancelled":1,"arrived":0,"mean_arr_delay":0,"max_arr_delay":null},
{"carrier":"MQ","flights":1,"cancelled":0,"arrived":0,"mean_arr_delay":0,"max_arr_delay":null},
{"carrier":"UA","flights":2,"cancelled":0,"arrived":2,"mean_arr_delay":15.5,"max_arr_delay":20},
{"carrier":"Z,\"é","flights":1,"cancelled":0,"arrived":1,"mean_arr_delay":-9223372036854776000,"max_arr_delay":-9223372036854775808}]}`, "\n", "")
	if got.String() != want {
		t.Errorf("the document is\n%s\nwant\n%s", got.String(), want)
	}
}

func TestAFileWithoutGoodRowsHasEmptyLists(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.csv")
	if err := os.WriteFile(path, []byte(rows.Header), 0o644); err != nil {
		t.Fatal(err)
	}
	baseline, counts := counted(t, path)
	text, err := json.Marshal(DocumentOf(counts, baseline, nil))
	if want := `{"rows":0,"skipped":0,"doors":[],"report":[]}`; err != nil || string(text) != want {
		t.Errorf("%s, %v; want %s", text, err, want)
	}
}

func TestANameFromTheFileStaysInItsColumn(t *testing.T) {
	var out bytes.Buffer
	PrintReport(&out, &flightsv1.Report{Carriers: []*flightsv1.Carrier{{Carrier: "A\tB\n\x1b[2J\"é"}}})
	if text := out.String(); !strings.Contains(text, `A\tB\n\x1b[2J\"é`) || strings.Count(text, "\n") != 3 {
		t.Errorf("printed %q", text)
	}
}
