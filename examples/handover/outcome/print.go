package outcome

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/actorbridge/actorbridge/examples/handover/flightsv1"
)

// PrintReport writes the actor's answer as a table, one line a carrier.
func PrintReport(out io.Writer, report *flightsv1.Report) {
	const columns = "carrier\tflights\tcancelled\tarrived\tmean delay\tmax delay\t< -30\t-30\t-15\t0\t15\t30\t60\t>= 120\t"
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, columns)
	for _, c := range report.Carriers {
		longest := "-"
		if c.ArrDelayMax != nil {
			longest = strconv.FormatInt(*c.ArrDelayMax, 10)
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%.1f\t%s\t", printable(c.Carrier), c.Flights, c.Cancelled, c.Arrived, meanDelay(c), longest)
		for _, flights := range c.ArrDelayHistogram {
			fmt.Fprintf(w, "%d\t", flights)
		}
		fmt.Fprintln(w)
	}
	w.Flush()
	fmt.Fprintf(out, "Delays on arrival, in minutes. Digest of all fields of all rows, in order: %016x\n", report.Digest)
}

// printable keeps a name from the file on its line and in its column.
func printable(name string) string {
	quoted := strconv.QuoteToGraphic(name)
	return quoted[1 : len(quoted)-1]
}

// PrintBaseline writes the one line about the run that the others are compared with.
func PrintBaseline(out io.Writer, run *Run) {
	fmt.Fprintf(out, "Baseline, one Go node without a link: %d handled, %.0f msg/s\n", run.Report.Handled, perSecond(run))
}

func perSecond(run *Run) float64 { return float64(run.Sent) / max(run.Took.Seconds(), 1e-9) }

// PrintRun writes one run's table.
func PrintRun(out io.Writer, run *Run) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\nDoor %s\n", run.Door)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "  %s\t"+format+"\n", append([]any{name}, args...)...)
	}
	line("sent", "%d", run.Sent)
	line("handled", "%d (%s)", run.Report.Handled, staysOf(run.Report))
	line("lost", "%d", run.Lost())
	line("handled twice", "%d", run.Report.Twice)
	line("order kept", "%s", yesNo(run.InOrder()))
	line("moves", "%d", len(run.Moves))
	for _, m := range run.Moves {
		line("  "+m.From+" → "+m.To, "asked for at row %d, paused the stream %s, %d messages travelled along",
			m.Row, milliseconds(m.Pause), m.Stashed)
	}
	line("msg/s", "%.0f", perSecond(run))
	w.Flush()
}

func staysOf(report *flightsv1.Report) string {
	var stays []string
	for _, stay := range report.Stays {
		stays = append(stays, fmt.Sprintf("%s %d", stay.Language, stay.Handled))
	}
	return strings.Join(stays, ", ")
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "NO"
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d.Microseconds())/1000)
}

// PrintVerdict says whether the run equals the baseline, or what differs, and returns whether it does.
func PrintVerdict(out io.Writer, run, baseline *Run, counts Counts) bool {
	differences := run.Differences(baseline, counts)
	if len(differences) == 0 {
		fmt.Fprintf(out, "  equal to the baseline\n")
		return true
	}
	fmt.Fprintf(out, "  NOT equal to the baseline:\n")
	for i, difference := range differences {
		if i == shownDifferences {
			fmt.Fprintf(out, "    and %d more\n", len(differences)-i)
			break
		}
		fmt.Fprintf(out, "    %s\n", difference)
	}
	return false
}

const shownDifferences = 10
