package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// file is a source file of the module.
type file struct {
	path string // absolute
	pkg  string // name
	src  []byte
	fset *token.FileSet
	tree *ast.File
}

// candidate is one edit that may be the repair.
type candidate struct {
	edit
	id       int
	file     *file
	fn       *ast.FuncDecl // nil for an edit outside functions
	distance int           // from the failing tests, in calls
}

// line is where in the file the edit is.
func (c candidate) line() int { return 1 + strings.Count(string(c.file.src[:c.from]), "\n") }

// lines returns the line of the edit before and after it.
func (c candidate) lines() (was, is string) {
	from := strings.LastIndexByte(string(c.file.src[:c.from]), '\n') + 1
	cut := func(s string) string {
		first, _, _ := strings.Cut(s, "\n")
		return strings.TrimSpace(first)
	}
	return cut(string(c.file.src[from:])), cut(string(c.apply()[from:]))
}

// where names the edited function.
func (c candidate) where() string {
	if c.fn == nil {
		return "a declaration"
	}
	return "`" + c.fn.Name.Name + "`"
}

// apply returns the file with the edit, formatted if it was before.
func (c candidate) apply() []byte {
	changed := []byte(string(c.file.src[:c.from]) + c.text + string(c.file.src[c.to:]))
	if was, err := format.Source(c.file.src); err != nil || !bytes.Equal(was, c.file.src) {
		return changed
	}
	if formatted, err := format.Source(changed); err == nil {
		return formatted
	}
	return changed
}

// far is the distance of what no failing test calls, as far as one can see.
const far = 50

// sources reads the files of a package and of those of its module that it
// imports, and the names that the failing tests use.
func sources(ctx context.Context, f failure) (files []*file, tested map[string]bool, dir string, err error) {
	const form = `{{if not .Standard}}{{.ImportPath}}|{{.Dir}}|{{if .Module}}{{.Module.Main}}{{end}}|{{join .GoFiles ","}}|{{join .TestGoFiles ","}},{{join .XTestGoFiles ","}}{{end}}`
	out, code, err := command(ctx, time.Minute, nil, "go", "list", "-deps", "-f", form, f.pkg)
	if err != nil || code != 0 {
		return nil, nil, "", fmt.Errorf("go list %s: exit code %d, %w: %s", f.pkg, code, err, out)
	}
	tested = map[string]bool{}
	for line := range strings.Lines(string(out)) {
		p := strings.Split(strings.TrimSpace(line), "|")
		if len(p) != 5 || p[2] != "true" {
			continue
		}
		for _, name := range strings.Split(p[3], ",") {
			if file, err := parse(filepath.Join(p[1], name)); err == nil {
				files = append(files, file)
			}
		}
		if p[0] != f.pkg {
			continue
		}
		dir = p[1]
		for _, name := range strings.Split(p[4], ",") {
			if test, err := parse(filepath.Join(p[1], name)); name != "" && err == nil {
				for _, d := range test.tree.Decls {
					if fn, ok := d.(*ast.FuncDecl); ok && (slices.Contains(f.tests, fn.Name.Name) || !strings.HasPrefix(fn.Name.Name, "Test")) {
						addNames(tested, fn)
					}
				}
			}
		}
	}
	return files, tested, dir, nil
}

func parse(path string) (*file, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	fset := token.NewFileSet()
	tree, err := parser.ParseFile(fset, path, src, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	return &file{path: path, pkg: tree.Name.Name, src: src, fset: fset, tree: tree}, nil
}

// candidates lists what may be tried, the nearest and likeliest first.
func candidates(files []*file, tested map[string]bool) []candidate {
	distance := distances(files, tested)
	var list []candidate
	for _, f := range files {
		e := &editor{fset: f.fset, src: f.src}
		for _, d := range f.tree.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Body == nil || d.Name.Name == "init" || d.Name.Name == "main" || d.Name.Name == "_" {
					continue
				}
				at, ok := distance[d.Name.Name]
				if !ok {
					at = far
				}
				for _, ed := range e.edits(d.Body, variables(d)) {
					list = append(list, candidate{edit: ed, file: f, fn: d, distance: at})
				}
			case *ast.GenDecl:
				if d.Tok == token.CONST || d.Tok == token.VAR {
					for _, ed := range e.edits(d, nil) {
						list = append(list, candidate{edit: ed, file: f, distance: far})
					}
				}
			}
		}
	}
	slices.SortStableFunc(list, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.kind, b.kind))
	})
	for i := range list {
		list[i].id = i + 1
	}
	return list
}

// distances follows calls from the names in the tests, by name alone.
func distances(files []*file, tested map[string]bool) map[string]int {
	uses := map[string]map[string]bool{}
	for _, f := range files {
		for _, d := range f.tree.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				if uses[fn.Name.Name] == nil {
					uses[fn.Name.Name] = map[string]bool{}
				}
				addNames(uses[fn.Name.Name], fn)
			}
		}
	}
	out := map[string]int{}
	next := tested
	for d := 0; len(next) > 0; d++ {
		below := map[string]bool{}
		for name := range next {
			if _, seen := out[name]; seen || uses[name] == nil {
				continue
			}
			out[name] = d
			for used := range uses[name] {
				below[used] = true
			}
		}
		next = below
	}
	return out
}

func addNames(to map[string]bool, fn *ast.FuncDecl) {
	if fn.Body == nil {
		return
	}
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			to[id.Name] = true
		}
		return true
	})
}

// variables are the names that a function declares: its parameters, results and
// what := and var make.
func variables(fn *ast.FuncDecl) []string {
	var names []string
	add := func(n string) {
		if n != "_" && n != "err" && !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	ast.Inspect(fn, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			for _, id := range n.Names {
				add(id.Name)
			}
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				for _, x := range n.Lhs {
					if id, ok := x.(*ast.Ident); ok {
						add(id.Name)
					}
				}
			}
		case *ast.RangeStmt:
			for _, x := range []ast.Expr{n.Key, n.Value} {
				if id, ok := x.(*ast.Ident); ok {
					add(id.Name)
				}
			}
		}
		return true
	})
	return names
}
