package inspect

import (
	"cmp"
	"fmt"
	"path"
	"slices"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/sanitize"
)

// collisions finds new names that some file system takes for other names of
// the same tree, be it a file's or a folder's. Pairs that the base had already
// are left alone.
type collisions struct {
	added map[string]bool // paths that the change adds
	// names has the spellings in the proposed tree of each added path and of
	// each folder on the way to it, by what they fold to.
	names   map[string]map[string]*spelling
	folders map[string]string // folder -> folded, for those seen
}

type spelling struct {
	added bool // by the change
	base  bool // the base had it, too
}

func newCollisions(entries []entry) *collisions {
	c := &collisions{added: map[string]bool{}, names: map[string]map[string]*spelling{}, folders: map[string]string{}}
	for _, e := range entries {
		if e.Status != "A" {
			continue
		}
		c.added[e.Path] = true
		for p := e.Path; p != "."; p = path.Dir(p) {
			folded := c.folded(p)
			if c.names[folded] == nil {
				c.names[folded] = map[string]*spelling{}
			}
			c.names[folded][p] = &spelling{added: true}
		}
	}
	for _, e := range entries {
		if !e.deleted() {
			continue
		}
		for p := e.Path; p != "."; p = path.Dir(p) {
			if s := c.names[c.folded(p)][p]; s != nil {
				s.base = true
			}
		}
	}
	return c
}

// see notes one path of the proposed tree.
func (c *collisions) see(seen string) {
	if len(c.names) == 0 {
		return
	}
	for p := seen; p != "."; p = path.Dir(p) {
		spellings := c.names[c.folded(p)]
		if spellings == nil {
			continue
		}
		if spellings[p] == nil {
			spellings[p] = &spelling{}
		}
		if !c.added[seen] {
			spellings[p].base = true
		}
	}
}

// folded returns p folded. It keeps folders, which come again and again.
func (c *collisions) folded(p string) string {
	folder, name := path.Split(p)
	if folder == "" {
		return fold(name)
	}
	folder = folder[:len(folder)-1]
	known, ok := c.folders[folder]
	if !ok {
		known = c.folded(folder)
		c.folders[folder] = known
	}
	return known + "/" + fold(name)
}

func (c *collisions) problem() *anvil.Problem {
	var found []string
	var places []anvil.Place
	for _, spellings := range c.names {
		if len(spellings) < 2 {
			continue
		}
		var fresh, others []string
		for name, s := range spellings {
			others = append(others, name)
			if s.added && !s.base {
				fresh = append(fresh, name)
			}
		}
		if len(fresh) == 0 {
			continue
		}
		name := slices.Min(fresh)
		others = slices.DeleteFunc(others, func(o string) bool { return o == name })
		found = append(found, fmt.Sprintf("%s (beside %s)", sanitize.Path(name), sanitize.Path(slices.Min(others))))
		places = append(places, anvil.Place{Path: name, What: "the same path as another on some machines"})
	}
	if len(found) == 0 {
		return nil
	}
	slices.Sort(found)
	slices.SortFunc(places, func(a, b anvil.Place) int { return cmp.Compare(a.Path, b.Path) })
	return anvil.Problemf("PATH_UNSAFE", nextPath, "the change adds paths that are the same as others on some machines: %s", list(found)).At(places)
}
