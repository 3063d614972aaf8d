package docs

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Each defence that threats.md names, and each promise in guarantees.md, has its tests, which
// exist under these names.
func TestEveryDefenceHasItsTests(t *testing.T) {
	t.Parallel()
	there := shown(t)
	for _, table := range []struct {
		file, first   string // the head of its first column
		columns, rows int
	}{{"threats.md", "Who", 4, 50}, {"guarantees.md", "Promise", 3, 20}} {
		checkTable(t, there, table.file, table.first, table.columns, table.rows)
	}
}

// checkTable checks that the tests exist that the last column of a file's tables names.
func checkTable(t *testing.T, there map[string]bool, file, first string, columns, least int) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`([^`]+)`")
	rows := 0
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != columns || strings.HasPrefix(strings.TrimSpace(cells[0]), "-") || strings.TrimSpace(cells[0]) == first {
			continue
		}
		rows++
		tests := named.FindAllStringSubmatch(cells[columns-1], -1)
		if len(tests) == 0 {
			t.Errorf("no test for: %s", strings.TrimSpace(line))
		}
		for _, m := range tests {
			if !there[m[1]] {
				t.Errorf("%s: there is no %s, which is to show:%s", file, m[1], strings.Join(cells[:columns-1], "|"))
			}
		}
	}
	if rows < least {
		t.Errorf("%s: %d rows can be read", file, rows)
	}
}

var (
	testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	attack   = regexp.MustCompile(`\{"([^"]+)", "\d+", `)
)

// shown lists what threats.md may name: tests by package, stories, and what the hostile
// agent tries.
func shown(t *testing.T) map[string]bool {
	t.Helper()
	there := map[string]bool{}
	for _, root := range []string{"../app", "../action", "../config", "../cmd", "../bench"} {
		if err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			folder := path.Base(filepath.ToSlash(filepath.Dir(name)))
			if story, ok := strings.CutSuffix(entry.Name(), ".txtar"); ok && folder == "testdata" {
				there["story: "+story] = true
			}
			if !strings.HasSuffix(name, ".go") {
				return nil
			}
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			if strings.HasSuffix(name, "_test.go") {
				for _, m := range testFunc.FindAllStringSubmatch(string(text), -1) {
					there[folder+"."+m[1]] = true
				}
			}
			if folder == "hostile" {
				for _, m := range attack.FindAllStringSubmatch(string(text), -1) {
					there["hostile: "+m[1]] = true
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	return there
}
