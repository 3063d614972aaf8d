// Package docs holds what is written for the people who run Anvil, and the tests
// that keep it true.
package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	codeText = regexp.MustCompile(`^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$`)
	row      = regexp.MustCompile(`(?m)^\| ([A-Z0-9_]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$`)
)

// Every code that the product can produce is in errors.md, once, with what to do.
func TestEveryCodeIsDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("errors.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		if documented[m[1]] {
			t.Errorf("%s has two rows", m[1])
		}
		documented[m[1]] = true
	}
	if lines := strings.Count(string(text), "\n| ") - strings.Count(string(text), "\n| Code |"); lines != len(documented) {
		t.Errorf("%d rows, of which %d can be read", lines, len(documented))
	}
	found := 0
	for _, root := range []string{"../app", "../action", "../cmd", "../config"} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			if strings.Contains(path, "githubtest") {
				return nil // the simulated GitHub speaks as GitHub does
			}
			files := token.NewFileSet()
			file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			for _, lit := range codes(file) {
				found++
				if code, err := strconv.Unquote(lit.Value); err == nil && codeText.MatchString(code) && !documented[code] {
					t.Errorf("%s: errors.md has no row for %s", files.Position(lit.Pos()), code)
				}
			}
			return nil
		})
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	if found < 50 {
		t.Errorf("only %d codes found in the source: does this test still know how they are written?", found)
	}
}

// codes returns the literals that name a code: the first argument of Problemf, a
// field Code, and constants named Code….
func codes(file *ast.File) []*ast.BasicLit {
	var found []*ast.BasicLit
	add := func(e ast.Expr) {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			found = append(found, lit)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "Problemf" && len(n.Args) > 0 {
				add(n.Args[0])
			}
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Code" {
				add(n.Value)
			}
		case *ast.ValueSpec:
			for i, name := range n.Names {
				if strings.HasPrefix(strings.ToLower(name.Name), "code") && i < len(n.Values) {
					add(n.Values[i])
				}
			}
		}
		return true
	})
	return found
}
