package workspace

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// maxInstructions bounds what a repository says to every agent, in bytes.
const maxInstructions = 64 << 10

// Instructions returns what the base commit's AGENTS.md and CLAUDE.md say, read from
// the commit itself: the tree is an agent's to change. Links are not followed, and a
// file of the same content counts once. tooLong lists the files that are over the
// limit and left out.
func (w *Workspace) Instructions(ctx context.Context) (text string, tooLong []string, err error) {
	gitDir := w.path("base.git")
	out, err := w.git.run(ctx, command{gitDir: gitDir, args: []string{"ls-tree", "-z", "-l", "--end-of-options", w.base, "AGENTS.md", "CLAUDE.md"}})
	if err != nil {
		return "", nil, fmt.Errorf("look for instructions: %w", err)
	}
	var all strings.Builder
	seen := map[string]bool{}
	for entry := range strings.SplitSeq(out, "\x00") {
		about, name, _ := strings.Cut(entry, "\t")
		words := strings.Fields(about) // mode, type, object, size
		if len(words) != 4 || words[0] != "100644" && words[0] != "100755" || seen[words[2]] {
			continue
		}
		seen[words[2]] = true
		if size, err := strconv.Atoi(words[3]); err != nil || size > maxInstructions {
			tooLong = append(tooLong, name)
			continue
		}
		said, err := w.git.run(ctx, command{gitDir: gitDir, args: []string{"cat-file", "blob", words[2]}})
		if err != nil {
			return "", nil, fmt.Errorf("read %s of the base commit: %w", name, err)
		}
		// A file that only includes the other one says nothing of its own.
		if said != "" && said != "@AGENTS.md" {
			fmt.Fprintf(&all, "%s of the base commit:\n\n%s\n\n", name, said)
		}
	}
	return strings.TrimSpace(all.String()), tooLong, nil
}
