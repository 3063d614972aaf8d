package inspect

import (
	"fmt"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// What people can do about each kind of problem.
const (
	nextSmaller = "Ask for a smaller change, or raise the limit in the server's configuration."
	nextEntry   = "Ask again for ordinary files, without links that leave the repository and without submodules."
	nextPath    = "Ask again with another file name."
	nextSecret  = "Treat what was found as known to others: replace it where it is in use, and ask again without it."
)

// listed is how many things a problem names; it tells the number of the rest.
const listed = 5

// list joins the first of items, which are safe to show.
func list(items []string) string {
	if len(items) <= listed {
		return strings.Join(items, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(items[:listed], ", "), len(items)-listed)
}

// corrupt is a bundle that is not what it should be. What git said about it
// stays in the log: it has paths of this machine and words of the bundle's maker.
func corrupt(cause error) error {
	return anvil.Problemf("BUNDLE_CORRUPT", "Ask again; if it happens again, the runner's log may say why.",
		"what the runner handed over is not an intact git bundle").Because(cause)
}

func noChanges() error {
	return anvil.Problemf("NO_CHANGES", "Read the answer, and ask again if a change was wanted.", "the proposal changes nothing")
}

// quantity returns a number of bytes as people write it.
func quantity(n int64) string {
	switch {
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}
