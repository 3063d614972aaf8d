package inspect

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPathsThatAreNotSafe(t *testing.T) {
	t.Parallel()
	s := newScene(t, shop)
	for path, shown := range map[string]string{
		".git/config":                   ".git/config",
		"docs/.git/hooks/x":             "docs/.git/hooks/x",
		".GIT/config":                   ".GIT/config",
		".Git":                          ".Git",
		".git./config":                  ".git./config",
		".git /config":                  ".git /config",
		".git...":                       ".git...",
		"GIT~1/config":                  "GIT",
		"git~2":                         "git",
		".g\u200cit/config":             `.g\u200cit/config`,
		".git\ufeff/config":             `.git\ufeff/config`,
		".git::$INDEX_ALLOCATION":       `.git\x3a\x3a`,
		".git\\config":                  `.git\\config`,
		"a\\b":                          `a\\b`,
		"../escape":                     "../escape",
		"docs/../../escape":             "docs/../../escape",
		"./x":                           "./x",
		"C:/Windows/x":                  `C\x3a/Windows/x`,
		"CON":                           "CON",
		"docs/aux.md":                   "docs/aux.md",
		"nul .txt":                      "nul .txt",
		"com1":                          "com1",
		"lpt².log":                      "lpt",
		"trailing.":                     "trailing.",
		"trailing ":                     "trailing ",
		"a\nb":                          `a\nb`,
		"a\x1b[2Jb":                     `a\x1b[2Jb`,
		"a\x7fb":                        `a\x7fb`,
		"a\u202eb":                      `a\u202eb`,
		"a\u2066b":                      `a\u2066b`,
		"a\U000e0041b":                  `a\U000e0041b`,
		"a\xffb":                        `a\xffb`,
		strings.Repeat("n", 256):        "nnnn",
		strings.Repeat("d/", 600) + "f": "d/d/d",
		"docs/Readme.md":                "docs/Readme.md (beside docs/readme.md)",
		"Docs/new.md":                   "Docs (beside docs)",
		"MAIN.GO":                       "MAIN.GO (beside main.go)",
		".Github/workflows/ci.yml":      ".Github (beside .github)",
		"LINK/x":                        "LINK (beside link)",
	} {
		t.Run(strings.ToValidUTF8(path[:min(len(path), 30)], "?"), func(t *testing.T) {
			s.refuses(t, s.propose(s.with(files{path: file("x\n")})), "PATH_UNSAFE", shown)
		})
	}
}

func TestTreesThatGitWouldNeverWrite(t *testing.T) {
	t.Parallel()
	s := newScene(t, shop)
	offer := func(o *objects, tree string) Proposal {
		head := o.commit(tree, s.base)
		return s.proposal(head, bundleOf("# v2 git bundle\n-"+s.base+" work\n"+head+" refs/anvil/result\n\n", o.pack(s.origin)))
	}
	t.Run("a name with a slash", func(t *testing.T) {
		o := newObjects()
		s.refuses(t, offer(o, o.put("tree", entryBytes("100644", "a/../../b", o.blob("x")))), "PATH_UNSAFE", "a/../../b")
	})
	t.Run("an absolute name", func(t *testing.T) {
		o := newObjects()
		s.refuses(t, offer(o, o.put("tree", entryBytes("100644", "/etc/passwd", o.blob("x")))), "PATH_UNSAFE", "/etc/passwd")
	})
	t.Run("an empty name", func(t *testing.T) {
		o := newObjects()
		s.refuses(t, offer(o, o.put("tree", entryBytes("100644", "", o.blob("x")))), "BUNDLE_CORRUPT")
	})
	t.Run("the same name twice", func(t *testing.T) {
		o := newObjects()
		twice := append(entryBytes("100644", "a", o.blob("x")), entryBytes("100644", "a", o.blob("y"))...)
		s.refuses(t, offer(o, o.put("tree", twice)), "BUNDLE_CORRUPT")
	})
	t.Run("names in the wrong order", func(t *testing.T) {
		o := newObjects()
		wrong := append(entryBytes("100644", "b", o.blob("x")), entryBytes("100644", "a", o.blob("y"))...)
		s.refuses(t, offer(o, o.put("tree", wrong)), "BUNDLE_CORRUPT")
	})
	t.Run("half an entry", func(t *testing.T) {
		o := newObjects()
		s.refuses(t, offer(o, o.put("tree", entryBytes("100644", "a", o.blob("x"))[:15])), "BUNDLE_CORRUPT")
	})
	t.Run("a mode of no kind", func(t *testing.T) {
		o := newObjects()
		s.refuses(t, offer(o, o.put("tree", entryBytes("100777", "a", o.blob("x")))), "ENTRY_FORBIDDEN")
	})
	t.Run("a file that is a tree", func(t *testing.T) {
		o := newObjects()
		s.refuses(t, offer(o, o.put("tree", entryBytes("100644", "a", o.tree(files{"b": file("x")})))), "BUNDLE_CORRUPT")
	})
	t.Run("a commit with a NUL", func(t *testing.T) {
		o := newObjects()
		tree := o.tree(s.with(files{"main.go": file("y\n")}))
		head := o.put("commit", []byte("tree "+tree+"\nparent "+s.base+"\nauthor A\x00nn <a@b> 1 +0000\ncommitter Ann <a@b> 1 +0000\n\nx\n"))
		s.refuses(t, s.proposal(head, bundleOf("# v2 git bundle\n-"+s.base+" work\n"+head+" refs/anvil/result\n\n", o.pack(s.origin))), "BUNDLE_CORRUPT")
	})
}

func TestNamesThatCollide(t *testing.T) {
	t.Parallel()
	s := newScene(t, files{
		"straße/plan.md": file("x\n"), "caf\u00e9.md": file("x\n"),
		"Makefile": file("x\n"), "makefile": file("y\n"), "Docs/a.md": file("x\n"), "docs/b.md": file("x\n"), "old/x": file("x\n"),
	})
	for name, changed := range map[string]files{
		"composed and decomposed":   {"cafe\u0301.md": file("x\n")},
		"folded to two letters":     {"STRASSE/x": file("x\n")},
		"two new ones":              {"new/A.txt": file("x\n"), "new/a.txt": file("x\n")},
		"folders of two new ones":   {"New/b.txt": file("x\n"), "new/a.txt": file("x\n")},
		"a third beside an old two": {"MAKEFILE": file("x\n")},
	} {
		t.Run(name, func(t *testing.T) {
			s.refuses(t, s.propose(s.with(changed)), "PATH_UNSAFE", "beside")
		})
	}
	for name, changed := range map[string]files{
		"more in folders that collided before": {"docs/c.md": file("x\n"), "Docs/d.md": file("x\n")},
		"a change of case":                     {"old/x": {}, "old/X": file("x\n")},
		"a folder's change of case":            {"old/x": {}, "Old/x": file("x\n")},
	} {
		t.Run(name, func(t *testing.T) {
			checked, err := s.inspector.Inspect(t.Context(), s.propose(s.with(changed)))
			if err != nil {
				t.Fatal(err)
			}
			checked.Close()
		})
	}
}

func TestOldOddPathsMayBeTouched(t *testing.T) {
	t.Parallel()
	s := newScene(t, files{"src/aux.c": file("x\n"), "a:b": file("x\n"), "Readme": file("1\n"), "README": file("2\n")})
	checked, err := s.inspector.Inspect(t.Context(), s.propose(files{"src/aux.c": file("y\n"), "Readme": file("3\n"), "README": file("2\n")}))
	if err != nil {
		t.Fatal(err)
	}
	checked.Close()
}

func FuzzUnsafePath(f *testing.F) {
	for _, path := range []string{".git/x", "a/b", "CON", "..", "a\\b", ".g\u200cit", "ﬀ", "é", "GIT~1"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if unsafePath(path) != "" {
			return
		}
		if !utf8.ValidString(path) || path == "" || strings.HasPrefix(path, "/") || strings.ContainsAny(path, "\\:\x00\n\x1b") {
			t.Errorf("%q passed", path)
		}
		for name := range strings.SplitSeq(path, "/") {
			if name == "" || name == "." || name == ".." || strings.EqualFold(name, ".git") || strings.HasSuffix(name, ".") {
				t.Errorf("%q passed", path)
			}
		}
		if once := foldPath(path); foldPath(once) != once {
			t.Errorf("%q folds to %q and then to %q", path, once, foldPath(once))
		}
	})
}
