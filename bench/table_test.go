package bench

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"
)

// tolerance is how far a limit may be missed before it counts as missed.
const tolerance = 1.25

// row is one line of the table.
type row struct {
	what     string
	measured string
	peer     string // the peer's figure, or the limit
	ratio    float64
	limit    float64 // of the ratio; 0: none was promised
	share    float64 // of the machine that we had; 0 if it makes no difference
}

// verdict says how the row stands to its limit.
func (r row) verdict() string {
	switch {
	case r.limit == 0:
		return "-"
	case r.ratio <= r.limit:
		return "yes"
	case r.ratio <= r.limit*tolerance:
		return "over"
	case r.share > 0 && r.share < busy:
		return "busy"
	}
	return "MISSED"
}

// table collects rows.
type table struct {
	mu    sync.Mutex
	rows  []row
	share float64 // of the machine, at the latest timed measurement
}

// add appends a row and fails the test if its limit is clearly missed.
func (b *table) add(t *testing.T, r row) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rows = append(b.rows, r)
	if r.verdict() == "MISSED" {
		t.Errorf("%s: %s beside %s is a ratio of %.2f; at most %.2f was promised", r.what, r.measured, r.peer, r.ratio, r.limit)
	}
}

// within appends a row for a quantity that has a limit of its own.
func (b *table) within(t *testing.T, what string, measured, limit float64, unit string) {
	t.Helper()
	r := row{
		what: what, measured: fmt.Sprintf("%.1f %s", measured, unit), peer: fmt.Sprintf("limit %g %s", limit, unit),
		ratio: measured / limit, limit: 1,
	}
	if strings.HasSuffix(unit, "s") { // a time
		r.share = b.share
	}
	b.add(t, r)
}

// note appends a row that promises nothing.
func (b *table) note(what, measured, peer string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rows = append(b.rows, row{what: what, measured: measured, peer: peer})
}

func (b *table) print(w io.Writer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "what\tmeasured\tpeer or limit\tratio\tok")
	fmt.Fprintln(out, "----\t--------\t-------------\t-----\t--")
	for _, r := range b.rows {
		ratio := "-"
		if r.ratio > 0 {
			ratio = fmt.Sprintf("%.2f", r.ratio)
		}
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\n", r.what, r.measured, r.peer, ratio, r.verdict())
	}
	out.Flush()
}

// percentile returns the value below which p of the durations are, 0 < p <= 1.
func percentile(all []time.Duration, p float64) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(float64(len(sorted))*p))]
}

func median(all []time.Duration) time.Duration { return percentile(all, 0.5) }

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func inMS(d time.Duration) string { return fmt.Sprintf("%.1f ms", ms(d)) }

// A limit that is missed is told, and so is one that is missed by little.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]row{
		"yes": {ratio: 1, limit: 1}, "over": {ratio: 2.4, limit: 2}, "MISSED": {ratio: 2.6, limit: 2}, "-": {ratio: 9},
	} {
		if got := r.verdict(); got != want {
			t.Errorf("a ratio of %v with the limit %v is %q, want %q", r.ratio, r.limit, got, want)
		}
	}
	if got := median([]time.Duration{5, 1, 3}); got != 3 {
		t.Errorf("the median of 5, 1, 3 is %d", got)
	}
}
