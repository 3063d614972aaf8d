//go:build unix

package doctor

import (
	"fmt"
	"io"
	"runtime"
	"strings"
)

const platform = runtime.GOOS + "/" + runtime.GOARCH

// Tell writes the report for people: one line for each finding, and below it what to
// do, then the verdict.
func (r Report) Tell(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "anvil-runner %s on %s\n\n", r.Version, r.Machine)
	wrong, lacking := 0, 0
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "  %-8s %-13s %s\n", f.State, f.Subject, f.Found)
		if f.Fix != "" {
			fmt.Fprintf(&b, "  %-8s %-13s -> %s\n", "", "", f.Fix)
		}
		switch f.State {
		case Wrong:
			wrong++
		case Lacking:
			lacking++
		}
	}
	switch {
	case wrong > 0:
		fmt.Fprintf(&b, "\nNo run can work here until what is wrong is mended: %d.\n", wrong)
	case lacking > 0:
		fmt.Fprintf(&b, "\nRuns can work here. What is lacking is for some of them only: %d.\n", lacking)
	default:
		fmt.Fprintf(&b, "\nRuns can work here.\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
