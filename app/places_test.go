package app_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/notify"
	"github.com/seed-bc0cc349/anvil/app/sanitize"
)

// A place knows the document and nothing else: what comes from outside is then a
// [sanitize.Text], which it can print in a safe form only. The files that make the
// document are the only ones that know the story.
func TestPlacesKnowTheDocumentOnly(t *testing.T) {
	t.Parallel()
	making := []string{"annotate.go", "of.go", "state.go", "steps.go", "tell.go", "usage.go"}
	places := 0
	for _, path := range files(t, "notify") {
		if slices.Contains(making, filepath.Base(path)) {
			continue
		}
		places++
		for _, imported := range parse(t, path).Imports {
			if name := strings.Trim(imported.Path.Value, `"`); name == module+"app/anvil" || name == module+"app/runapi" {
				t.Errorf("%s imports %s: a place renders a notify.Document", path, name)
			}
		}
	}
	if places < 8 {
		t.Fatalf("this looks at %d files: it does not look at the places", places)
	}
}

// Strings in a document are ours: whatever comes from outside is a sanitize.Text.
func TestDocumentsHoldTextFromOutsideInSafeForm(t *testing.T) {
	t.Parallel()
	// Ids, addresses that the server made, words of ours, and text that Of makes a line of.
	ours := []string{
		"Document.Task", "Document.Phase", "Document.Mark", "Document.Title", "Document.BaseCommit", "Document.Published", "Document.PullURL", "Document.Repository",
		"Document.Warnings", "Document.AllowHosts", "Document.AskOperator", "Document.Cost", "Document.Spans", "Picture.URL", "Document.Run", "Document.Comment", "Lost.Run", "Earlier.Mark", "Earlier.Title", "Earlier.Comment",
		"Person.Login", "Step.Text", "Step.Link", "Problem.Code", "Verification.Status", "Verification.From", "Check.Status", "Check.Before", "Question.Plan",
		"Change.Tree", "File.Status", "Place.Level", "Action.Verb", "Action.Label", "Action.Effect",
	}
	seen := map[reflect.Type]bool{}
	var found []string
	var walk func(reflect.Type, string)
	walk = func(v reflect.Type, name string) {
		switch v.Kind() {
		case reflect.Pointer, reflect.Slice:
			walk(v.Elem(), name)
		case reflect.String:
			found = append(found, name)
		case reflect.Map, reflect.Interface:
			t.Errorf("%s is a %s: its strings can't be known", name, v.Kind())
		case reflect.Struct:
			if v == reflect.TypeFor[sanitize.Text]() || v.PkgPath() == "time" || seen[v] {
				return
			}
			seen[v] = true
			for f := range v.Fields() {
				walk(f.Type, v.Name()+"."+f.Name)
			}
		}
	}
	walk(reflect.TypeFor[notify.Document](), "Document")
	for _, name := range found {
		if !slices.Contains(ours, name) {
			t.Errorf("%s is a string: make it a sanitize.Text, or say here why it is ours", name)
		}
	}
	if len(found) < len(ours) {
		t.Errorf("%d of %d strings were found: this does not look at the document", len(found), len(ours))
	}
}

// Only package publish writes to threads, pull requests and check runs.
func TestOnlyPublishSpeaks(t *testing.T) {
	t.Parallel()
	speaks := []string{
		"CreateComment", "EditComment", "React", "Unreact", "CreatePullRequest", "EditPullRequest", "CreateCheckRun", "UpdateCheckRun",
		"Post", "Edit", "Whisper", "Working", "Say", "ShowPlan", "ShowLinks", "MoveIssue",
		"ResolveThread", "ReplyToReview", "AddLabels", "RequestReviewers", "MarkReady",
	}
	mine := 0
	for _, dir := range []string{".", "clear", "demo", "dispatch", "gateway", "hook", "inspect", "intake", "lease", "notify", "policy", "publish", "queue", "schedule", "store", "tools"} {
		for _, path := range files(t, dir) {
			ast.Inspect(parse(t, path), func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				called, ok := call.Fun.(*ast.SelectorExpr)
				switch {
				case !ok || !slices.Contains(speaks, called.Sel.Name):
				case dir == "publish":
					mine++
				default:
					t.Errorf("%s calls %s: only package publish speaks to people", path, called.Sel.Name)
				}
				return true
			})
		}
	}
	if mine < 6 {
		t.Fatalf("package publish was seen to speak %d times: this does not look at it", mine)
	}
}

// files are the Go files of a folder, without tests.
func files(t *testing.T, dir string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(path string) bool { return strings.HasSuffix(path, "_test.go") })
}

func parse(t *testing.T, path string) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
