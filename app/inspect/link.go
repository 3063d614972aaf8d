package inspect

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/git"
	"github.com/seed-bc0cc349/anvil/app/sanitize"
)

// linkBytes is more than any file system allows as the target of a link.
const linkBytes = 4096

// forbiddenLinks refuses changed links whose targets leave the tree, by
// themselves or by way of other links. A link may end at another one, which is
// then held to the same rule; it may not lead on beyond it.
func (c *change) forbiddenLinks(ctx context.Context, q *git.Repository, links map[string]string) error {
	var ask []string
	for _, e := range c.entries {
		if e.NewMode == git.ModeSymlink {
			ask = append(ask, e.Path)
		}
	}
	targets := map[string]string{}
	var found []string
	for len(ask) > 0 {
		var ids []string
		for _, link := range ask {
			ids = append(ids, links[link])
		}
		next := 0
		var through []string
		err := q.Blobs(ctx, ids, linkBytes, func(_ string, content []byte) error {
			link := ask[next]
			next++
			targets[link] = string(content)
			if why := unsafeTarget(link, string(content)); why != "" {
				found = append(found, fmt.Sprintf("%s (%s)", sanitize.Path(link), why))
				return nil
			}
			end := path.Join(path.Dir(link), string(content))
			if p := linkBefore(end, links); p != "" {
				found = append(found, fmt.Sprintf("%s (a target beyond the link %s)", sanitize.Path(link), sanitize.Path(p)))
			} else if _, ok := links[end]; ok {
				through = append(through, end)
			}
			return nil
		})
		if err != nil {
			return blame(ctx, err)
		}
		ask = ask[:0]
		for _, link := range through {
			if _, known := targets[link]; !known && !slices.Contains(ask, link) {
				ask = append(ask, link)
			}
		}
	}
	if len(found) == 0 {
		return nil
	}
	return anvil.Problemf("ENTRY_FORBIDDEN", nextEntry, "the change has symbolic links that may not be published: %s", list(found))
}

// unsafeTarget says what is wrong with a link's target, or "". A target may
// climb at its beginning only: further on, a climb would start wherever
// another link leads.
func unsafeTarget(link, target string) string {
	switch {
	case target == "" || len(target) >= linkBytes:
		return "no usable target"
	case strings.HasPrefix(target, "/"):
		return "an absolute target"
	}
	rest := target
	for strings.HasPrefix(rest, "../") {
		rest = rest[len("../"):]
	}
	if rest == ".." {
		rest = ""
	}
	end := path.Join(path.Dir(link), target)
	if end == ".." || strings.HasPrefix(end, "../") {
		return "a target outside of the repository"
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(rest, "/"), "/") {
		if name == "" || name == "." {
			continue
		}
		if why := unsafePath(name); why != "" {
			return "a target with " + why
		}
	}
	return ""
}

// linkBefore returns a link that one would have to pass to reach p, or "".
func linkBefore(p string, links map[string]string) string {
	for p = path.Dir(p); p != "."; p = path.Dir(p) {
		if _, ok := links[p]; ok {
			return p
		}
	}
	return ""
}
