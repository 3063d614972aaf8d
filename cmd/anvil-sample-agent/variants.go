package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// chosen names the variable by which a test binary learns which candidate it is
// to run as.
const chosen = "SAMPLE_AGENT_CANDIDATE"

// build makes one test binary that holds every candidate: to build a binary for
// each would take most of the time. Each edited function is there once for each
// of its candidates, under a name of its own, and the function itself becomes a
// switch between them. The tree is not touched: the go command reads the changed
// files from an overlay.
//
// A candidate that does not compile is found by the line directive in front of it,
// and left out of the next attempt. build returns those that are in the binary.
func build(ctx context.Context, scratch, pkg string, list []candidate) (binary string, in []candidate, err error) {
	binary = filepath.Join(scratch, "candidates.test")
	for range 6 {
		if len(list) == 0 {
			return "", nil, nil
		}
		overlay, err := overlayOf(scratch, list)
		if err != nil {
			return "", nil, err
		}
		out, code, err := command(ctx, time.Minute, nil, "go", "test", "-c", "-gcflags=-e", "-overlay", overlay, "-o", binary, pkg)
		if err != nil {
			return "", nil, err
		}
		if code == 0 {
			return binary, list, nil
		}
		bad := map[int]bool{}
		for _, m := range variantName.FindAllStringSubmatch(string(out), -1) {
			if id, err := strconv.Atoi(m[1]); err == nil {
				bad[id] = true
			}
		}
		if len(bad) == 0 {
			return "", nil, fmt.Errorf("the candidates do not build: %s", out)
		}
		list = slices.DeleteFunc(slices.Clone(list), func(c candidate) bool { return bad[c.id] })
	}
	return "", nil, nil
}

var variantName = regexp.MustCompile(`candidate_(\d+)\.go:`)

// overlayOf writes the changed files, and the list that maps the real names to
// them.
func overlayOf(scratch string, list []candidate) (string, error) {
	byFile := map[*file][]candidate{}
	for _, c := range list {
		byFile[c.file] = append(byFile[c.file], c)
	}
	replace := map[string]string{}
	put := func(path, text string) error {
		to := filepath.Join(scratch, fmt.Sprintf("%d.go", len(replace)))
		replace[path] = to
		return os.WriteFile(to, []byte(text), 0o600)
	}
	for f, cs := range byFile {
		if err := put(f.path, switched(f, cs)); err != nil {
			return "", err
		}
		chooser := filepath.Join(filepath.Dir(f.path), "anvil_sample_candidate.go")
		text := fmt.Sprintf("package %s\n\nimport \"os\"\n\nvar anvilSampleCandidate = os.Getenv(%q)\n", f.pkg, chosen)
		if replace[chooser] == "" {
			if err := put(chooser, text); err != nil {
				return "", err
			}
		}
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	name := filepath.Join(scratch, "overlay.json")
	return name, os.WriteFile(name, b, 0o600)
}

// switched returns a file in which each function that has candidates switches
// between them.
func switched(f *file, cs []candidate) string {
	byFunc := map[*ast.FuncDecl][]candidate{}
	var fns []*ast.FuncDecl
	for _, c := range cs {
		if byFunc[c.fn] == nil {
			fns = append(fns, c.fn)
		}
		byFunc[c.fn] = append(byFunc[c.fn], c)
	}
	slices.SortFunc(fns, func(a, b *ast.FuncDecl) int { return cmp.Compare(a.Pos(), b.Pos()) })
	offset := func(n ast.Node) (from, to int) {
		return f.fset.Position(n.Pos()).Offset, f.fset.Position(n.End()).Offset
	}
	var head, tail strings.Builder
	last := 0
	for _, fn := range fns {
		from, to := offset(fn)
		if fn.Doc != nil {
			_, from = offset(fn.Doc)
		}
		head.Write(f.src[last:from])
		last = to
		nameFrom, nameTo := offset(fn.Name)
		s := signatureOf(f, fn)
		fmt.Fprintf(&head, "\nfunc %s%s%s(%s) %s {\n\tswitch anvilSampleCandidate {\n", s.receiver, fn.Name.Name, s.typeParams, s.params, s.results)
		for _, c := range byFunc[fn] {
			name := fmt.Sprintf("%sCandidate%d", fn.Name.Name, c.id)
			fmt.Fprintf(&head, "\tcase \"%d\":\n\t\t%s%s%s(%s)\n", c.id, s.give, s.on, name, s.args)
			if s.give == "" {
				head.WriteString("\t\treturn\n")
			}
			fmt.Fprintf(&tail, "\n//line candidate_%d.go:1\nfunc%s%s%s%s%s\n", c.id,
				f.src[bodyStart(f, fn):nameFrom], name, f.src[nameTo:c.from], c.text, f.src[c.to:to])
		}
		original := fn.Name.Name + "Candidate0"
		fmt.Fprintf(&head, "\t}\n\t%s%s%s(%s)\n}\n", s.give, s.on, original, s.args)
		fmt.Fprintf(&tail, "\n//line original.go:1\nfunc%s%s%s\n", f.src[bodyStart(f, fn):nameFrom], original, f.src[nameTo:to])
	}
	head.Write(f.src[last:])
	return head.String() + tail.String()
}

// bodyStart is the offset behind the word func.
func bodyStart(f *file, fn *ast.FuncDecl) int {
	return f.fset.Position(fn.Type.Func).Offset + len("func")
}

// signature is how a switch is declared and how it calls what it switches between.
type signature struct {
	receiver, typeParams, params, results string
	on, args, give                        string
}

// signatureOf gives every parameter a name, since some have none.
func signatureOf(f *file, fn *ast.FuncDecl) signature {
	text := func(n ast.Node) string {
		return string(f.src[f.fset.Position(n.Pos()).Offset:f.fset.Position(n.End()).Offset])
	}
	var s signature
	if fn.Recv != nil && len(fn.Recv.List) == 1 {
		s.receiver, s.on = "(anvilR "+text(fn.Recv.List[0].Type)+") ", "anvilR."
	}
	if fn.Type.TypeParams != nil {
		s.typeParams = text(fn.Type.TypeParams)
	}
	var params, args []string
	for _, field := range fn.Type.Params.List {
		for range max(1, len(field.Names)) {
			name := fmt.Sprintf("anvilP%d", len(params))
			params = append(params, name+" "+text(field.Type))
			if _, variadic := field.Type.(*ast.Ellipsis); variadic {
				name += "..."
			}
			args = append(args, name)
		}
	}
	s.params, s.args = strings.Join(params, ", "), strings.Join(args, ", ")
	if fn.Type.Results != nil && len(fn.Type.Results.List) > 0 {
		var results []string
		for _, field := range fn.Type.Results.List {
			for range max(1, len(field.Names)) {
				results = append(results, text(field.Type))
			}
		}
		s.results, s.give = "("+strings.Join(results, ", ")+")", "return "
	}
	return s
}
