package inspect

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// bundleParts are what an honest bundle of one changed file is made of.
func bundleParts(s *scene) (head string, pack []byte) {
	o := newObjects()
	head = o.commit(o.tree(s.with(files{"main.go": file("package main\n")})), s.base)
	return head, o.pack(s.origin)
}

func TestBundlesThatAreNotWhatARunnerMakes(t *testing.T) {
	t.Parallel()
	s := newScene(t, shop)
	head, pack := bundleParts(s)
	good := "# v2 git bundle\n-" + s.base + " work\n" + head + " " + runapi.BundleRef + "\n\n"
	other := strings.Repeat("ab", 20)
	flipped := bytes.Clone(pack)
	flipped[len(flipped)/2] ^= 1
	checksum := bytes.Clone(pack)
	checksum[len(checksum)-1] ^= 1

	for name, c := range map[string]struct {
		header string
		pack   []byte
		code   anvil.Code
		says   string
	}{
		"version 2":                      {good, pack, "", ""},
		"version 3":                      {strings.Replace(good, "# v2 git bundle\n", "# v3 git bundle\n@object-format=sha1\n", 1), pack, "", ""},
		"prerequisite without a comment": {strings.Replace(good, " work", "", 1), pack, "", ""},

		"empty":                     {"", nil, "BUNDLE_CORRUPT", ""},
		"not a bundle":              {"hello\n", nil, "BUNDLE_CORRUPT", ""},
		"an archive":                {"PK\x03\x04\n\n", nil, "BUNDLE_CORRUPT", ""},
		"unknown version":           {strings.Replace(good, "v2", "v4", 1), pack, "BUNDLE_CORRUPT", ""},
		"header only":               {good, nil, "BUNDLE_CORRUPT", ""},
		"header without end":        {strings.TrimSuffix(good, "\n"), nil, "BUNDLE_CORRUPT", ""},
		"truncated":                 {good, pack[:len(pack)-30], "BUNDLE_CORRUPT", ""},
		"cut in the header":         {good[:60], nil, "BUNDLE_CORRUPT", ""},
		"one bit wrong":             {good, flipped, "BUNDLE_CORRUPT", ""},
		"wrong checksum":            {good, checksum, "BUNDLE_CORRUPT", ""},
		"empty pack":                {good, packOf(), "BUNDLE_CORRUPT", ""},
		"a billion objects claimed": {good, append([]byte("PACK\x00\x00\x00\x02\x3b\x9a\xca\x00"), pack[12:]...), "BUNDLE_CORRUPT", ""},
		"version 2 with capability": {strings.Replace(good, "bundle\n", "bundle\n@object-format=sha1\n", 1), pack, "BUNDLE_CORRUPT", ""},
		"sha256":                    {strings.Replace(good, "# v2 git bundle\n", "# v3 git bundle\n@object-format=sha256\n", 1), pack, "BUNDLE_CORRUPT", ""},
		"filter":                    {strings.Replace(good, "# v2 git bundle\n", "# v3 git bundle\n@filter=blob:none\n", 1), pack, "BUNDLE_CORRUPT", ""},
		"short object name":         {strings.Replace(good, head, head[:39], 1), pack, "BUNDLE_CORRUPT", ""},
		"upper case":                {strings.Replace(good, head, strings.ToUpper(head), 1), pack, "BUNDLE_CORRUPT", ""},
		"endless line":              {"# v2 git bundle\n-" + s.base + " " + strings.Repeat("x", 1<<20) + "\n", pack, "BUNDLE_CORRUPT", ""},
		"endless header":            {"# v2 git bundle\n" + strings.Repeat("-"+s.base+" x\n", 5000) + "\n", pack, "BUNDLE_CORRUPT", ""},

		"other prerequisite": {strings.Replace(good, s.base, other, 1), pack, "BUNDLE_BASE", s.base},
		"no prerequisite":    {strings.Replace(good, "-"+s.base+" work\n", "", 1), pack, "BUNDLE_BASE", s.base},
		"two prerequisites":  {strings.Replace(good, "-", "-"+other+"\n-", 1), pack, "BUNDLE_BASE", s.base},

		"no ref":            {strings.Replace(good, head+" "+runapi.BundleRef+"\n", "", 1), pack, "BUNDLE_REFS", ""},
		"other ref":         {strings.Replace(good, runapi.BundleRef, "refs/heads/main", 1), pack, "BUNDLE_REFS", "refs/heads/main"},
		"HEAD":              {strings.Replace(good, runapi.BundleRef, "HEAD", 1), pack, "BUNDLE_REFS", "HEAD"},
		"extra branch":      {good[:len(good)-1] + head + " refs/heads/evil\n\n", pack, "BUNDLE_REFS", "refs/heads/evil"},
		"extra tag":         {good[:len(good)-1] + head + " refs/tags/v1\n\n", pack, "BUNDLE_REFS", "refs/tags/v1"},
		"notes":             {good[:len(good)-1] + head + " refs/notes/commits\n\n", pack, "BUNDLE_REFS", "refs/notes/commits"},
		"replace":           {good[:len(good)-1] + head + " refs/replace/" + s.base + "\n\n", pack, "BUNDLE_REFS", "refs/replace/"},
		"the same twice":    {good[:len(good)-1] + head + " " + runapi.BundleRef + "\n\n", pack, "BUNDLE_REFS", ""},
		"other commit":      {strings.Replace(good, head, other, 1), pack, "BUNDLE_REFS", other},
		"escapes in a name": {good[:len(good)-1] + head + " refs/\x1b]8;;http://x\x07@team\n\n", pack, "BUNDLE_REFS", `\x1b]8\x3b`},
	} {
		t.Run(name, func(t *testing.T) {
			p := s.proposal(head, bundleOf(c.header, c.pack))
			if c.code != "" {
				s.refuses(t, p, c.code, c.says)
				return
			}
			checked, err := s.inspector.Inspect(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			checked.Close()
		})
	}
}

func TestHistoriesThatDoNotFit(t *testing.T) {
	t.Parallel()
	s := newScene(t, shop)
	o := newObjects()
	tree := o.tree(s.with(files{"main.go": file("package main\n")}))
	offer := func(head string) Proposal {
		return s.proposal(head, bundleOf("# v2 git bundle\n-"+s.base+" work\n"+head+" "+runapi.BundleRef+"\n\n", o.pack(s.origin)))
	}
	t.Run("a root commit", func(t *testing.T) {
		s.refuses(t, offer(o.commit(tree)), "BUNDLE_BASE", s.base)
	})
	t.Run("a parent that nobody has", func(t *testing.T) {
		s.refuses(t, offer(o.commit(tree, s.base, strings.Repeat("ab", 20))), "BUNDLE_CORRUPT")
	})
	t.Run("several commits", func(t *testing.T) {
		o := newObjects()
		first := o.commit(o.tree(s.with(files{"main.go": file("first\n")})), s.base)
		head := o.commit(tree0(o, s), first)
		p := s.proposal(head, bundleOf("# v2 git bundle\n-"+s.base+" work\n"+head+" "+runapi.BundleRef+"\n\n", o.pack(s.origin)))
		checked, err := s.inspector.Inspect(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		checked.Close()
	})
	t.Run("a tag as the head", func(t *testing.T) {
		o := newObjects()
		commit := o.commit(tree0(o, s), s.base)
		tag := o.put("tag", []byte("object "+commit+"\ntype commit\ntag v1\ntagger Ann <ann@example.com> 1700000000 +0000\n\nx\n"))
		s.refuses(t, s.proposal(tag, bundleOf("# v2 git bundle\n-"+s.base+" work\n"+tag+" "+runapi.BundleRef+"\n\n", o.pack(s.origin))), "BUNDLE_CORRUPT")
	})
	t.Run("a tree as the head", func(t *testing.T) {
		o := newObjects()
		tree := tree0(o, s)
		s.refuses(t, s.proposal(tree, bundleOf("# v2 git bundle\n-"+s.base+" work\n"+tree+" "+runapi.BundleRef+"\n\n", o.pack(s.origin))), "BUNDLE_CORRUPT")
	})
	t.Run("a blob left out", func(t *testing.T) {
		o := newObjects()
		full := newObjects()
		head := full.commit(tree0(full, s), s.base)
		for _, id := range full.order {
			if full.kinds[id] != "blob" || s.origin.kinds[id] != "" {
				o.put(full.kinds[id], full.data[id])
			}
		}
		s.refuses(t, s.proposal(head, bundleOf("# v2 git bundle\n-"+s.base+" work\n"+head+" "+runapi.BundleRef+"\n\n", o.pack(s.origin))), "BUNDLE_CORRUPT")
	})
	t.Run("nothing changed", func(t *testing.T) {
		s.refuses(t, s.propose(shop), "NO_CHANGES")
	})
	t.Run("no commit", func(t *testing.T) {
		s.refuses(t, s.proposal(s.base, bundleOf("# v2 git bundle\n-"+s.base+" work\n"+s.base+" "+runapi.BundleRef+"\n\n", packOf())), "NO_CHANGES")
	})
}

// tree0 is the base's tree with one file changed.
func tree0(o *objects, s *scene) string {
	return o.tree(s.with(files{"main.go": file("package main // changed\n")}))
}

// TestABundleThatGitMade takes the way of a runner: an ordinary git makes the
// bundle, whose pack leaves out what the base has and holds deltas against it.
func TestABundleThatGitMade(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a line that stays as it is, and another one\n", 400)
	s := newScene(t, files{"long.txt": file(long), "main.go": file("package main\n")})
	work := filepath.Join(t.TempDir(), "work")
	s.git("", "clone", "--quiet", "--branch", "main", s.url, work)
	if err := os.WriteFile(filepath.Join(work, "long.txt"), []byte(long+"one more\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s.git("", "-C", work, "-c", "user.name=Ann", "-c", "user.email=ann@example.com", "commit", "--quiet", "--all", "-m", "work")
	s.git("", "-C", work, "update-ref", runapi.BundleRef, "HEAD")
	path := filepath.Join(t.TempDir(), "bundle")
	s.git("", "-C", work, "bundle", "create", "--quiet", path, runapi.BundleRef, "^"+s.base)
	bundle, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(bundle) > 2000 {
		t.Errorf("the bundle has %d bytes: it is no thin one", len(bundle))
	}
	checked, err := s.inspector.Inspect(t.Context(), s.proposal(s.git("", "-C", work, "rev-parse", "HEAD"), bundle))
	if err != nil {
		t.Fatal(err)
	}
	defer checked.Close()
	if v := checked.Verdict; len(v.Files) != 1 || v.Files[0] != (anvil.FileChange{Path: "long.txt", Status: "M", Additions: 1}) {
		t.Errorf("verdict %+v", v)
	}
}

func TestABaseThatIsGone(t *testing.T) {
	t.Parallel()
	s := newScene(t, shop)
	p := s.propose(s.with(files{"main.go": file("x\n")}))
	gone := strings.Repeat("cd", 20)
	bundle, err := io.ReadAll(p.Bundle)
	if err != nil {
		t.Fatal(err)
	}
	moved := bytes.ReplaceAll(bundle, []byte(s.base+" work"), []byte(gone+" work"))
	p.Bundle, p.BaseCommit = bytes.NewReader(moved), gone
	s.refuses(t, p, "BUNDLE_BASE", gone)
}

func TestAFailureOfOursIsNoVerdict(t *testing.T) {
	t.Parallel()
	s := newScene(t, shop)
	p := s.propose(s.with(files{"main.go": file("x\n")}))
	t.Run("GitHub is away", func(t *testing.T) {
		p := p
		p.Repository = "http://127.0.0.1:1/acme/shop.git"
		if _, err := s.inspector.Inspect(t.Context(), p); err == nil || anvil.AsProblem(err) != nil {
			t.Errorf("got %v, want an error that is no problem of the proposal", err)
		}
	})
	t.Run("the bundle's store is away", func(t *testing.T) {
		p := p
		p.Bundle = broken{}
		if _, err := s.inspector.Inspect(t.Context(), p); err == nil || anvil.AsProblem(err) != nil {
			t.Errorf("got %v, want an error that is no problem of the proposal", err)
		}
	})
}

type broken struct{}

func (broken) Read([]byte) (int, error)       { return 0, errors.New("store is away") }
func (broken) Seek(int64, int) (int64, error) { return 0, nil }

func TestBombs(t *testing.T) {
	t.Parallel()
	s := newScene(t, shop)

	t.Run("a delta that grows", func(t *testing.T) {
		// A base of 16 MiB, and a delta of it that copies it 64 times over:
		// a gigabyte from a few kilobytes.
		o := newObjects()
		big := bytes.Repeat([]byte{'x'}, 16<<20-1)
		base := o.put("blob", big)
		raw := must(hexDecode(base))
		delta := varint(len(big))
		delta = append(delta, varint(64*len(big))...)
		for range 64 {
			delta = append(delta, 0x80|0x10|0x20|0x40, 0xff, 0xff, 0xff)
		}
		head, _ := bundleParts(s)
		pack := packOf(packEntry(3, len(big), nil, big), packEntry(7, len(delta), raw, delta))
		p := s.proposal(head, bundleOf("# v2 git bundle\n-"+s.base+" work\n"+head+" "+runapi.BundleRef+"\n\n", pack))
		s.refuses(t, p, "BUNDLE_CORRUPT")
		// It has to stop at the size that it claims, before it is made.
		_, err := s.inspector.Inspect(t.Context(), p)
		if cause := fmt.Sprint(anvil.AsProblem(err).Cause); !strings.Contains(cause, "attempting to allocate") {
			t.Errorf("it went as far as this: %s", cause)
		}
	})
	t.Run("one huge file", func(t *testing.T) {
		s.refuses(t, s.propose(s.with(files{"big.bin": file(strings.Repeat("x", 100<<20)), "small": file("x")})), "DIFF_TOO_BIG", "big.bin (100 MiB)")
	})
	t.Run("too much together", func(t *testing.T) {
		fs := files{}
		for i := range 7 {
			fs[fmt.Sprintf("part%d.bin", i)] = file(strings.Repeat(fmt.Sprint(i), 4<<20-i))
		}
		s.refuses(t, s.propose(s.with(fs)), "DIFF_TOO_BIG", "part0.bin (4.0 MiB)", "and the limit is 20 MiB")
	})
	t.Run("ten thousand files", func(t *testing.T) {
		fs := files{}
		for i := range 10_000 {
			fs[fmt.Sprintf("gen/d%d/f%d", i%3, i)] = file("x")
		}
		s.refuses(t, s.propose(s.with(fs)), "DIFF_TOO_BIG", "touches 10000 files", "gen/d0/ (3334)")
	})
	t.Run("a bundle beyond the limit", func(t *testing.T) {
		p := s.propose(s.with(files{"main.go": file("x\n")}))
		p.Limits.BundleBytes = 100
		s.refuses(t, p, "DIFF_TOO_BIG")
	})
	t.Run("no time", func(t *testing.T) {
		p := s.propose(s.with(files{"main.go": file("x\n")}))
		p.Limits.Time = 1
		s.refuses(t, p, "DIFF_TOO_BIG", "within")
	})
	t.Run("a pointer without its object", func(t *testing.T) {
		s.refuses(t, s.propose(s.with(files{"model.bin": file("version https://git-lfs.github.com/spec/v1\noid sha256:" + strings.Repeat("a", 64) + "\nsize 12345\n")})), "DIFF_TOO_BIG", "model.bin", "LFS")
	})
}

func FuzzReadHeader(f *testing.F) {
	base, head := strings.Repeat("ab", 20), strings.Repeat("cd", 20)
	f.Add("# v2 git bundle\n-"+base+" x\n"+head+" "+runapi.BundleRef+"\n\nPACK", base, head)
	f.Add("# v3 git bundle\n@object-format=sha1\n-"+base+"\n"+head+" HEAD\n\n", base, head)
	f.Fuzz(func(t *testing.T, text, base, head string) {
		h, err := readHeader(newBundleReader(text))
		if err != nil || h.check(base, head) != nil {
			return
		}
		// What passes is one of a handful of forms.
		if len(h.prerequisites) != 1 || h.prerequisites[0] != base || len(h.refs) != 1 || h.refs[0] != (bundleRef{head, runapi.BundleRef}) {
			t.Errorf("passed: %q", text)
		}
	})
}
