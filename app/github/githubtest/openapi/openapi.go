// Package openapi checks requests to the simulated GitHub and its answers against
// GitHub's own OpenAPI description.
//
// A [Validator] wraps the REST API (githubtest.Options.API). What a client asks
// and GitHub would not understand, what the simulator answers and GitHub would
// not, and operations that GitHub does not have, are violations; a test ends with
// none ([Validator.Check]).
//
// The description is an extract of github.json, made by the program in extract.
// Two slips in it are put right here: the account of GET /app/installations is
// said to be a user and an enterprise at once, where every other operation says:
// one of them; and the parameter created of lists of runs is said to be a time,
// where the prose says: a range as in a search.
//
// Three rules go beyond it, because the description is silent there:
//
//   - a request that was refused (4xx) is not checked: to be refused is what the
//     request was for, or else its sender has noticed;
//   - an answer of 4xx or 5xx that the operation does not list must have the
//     shape of GitHub's errors: message, documentation_url and status;
//   - /repositories/ID, which GitHub serves and does not document, is checked as
//     the /repos/OWNER/NAME that it stands for would be, but for its parameters.
package openapi

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

//go:embed github.json
var description []byte

// Validator collects violations of GitHub's description.
type Validator struct {
	*operations

	mu         sync.Mutex
	violations []string
	checked    map[string]int // requests by operation
}

// operations is the description, ready to be asked. It does not change.
type operations struct {
	// mux finds the operation of a request; comments does for those on a single
	// comment, whose paths one ServeMux can't tell from an issue's comments.
	mux, comments *http.ServeMux
}

// New returns a validator without violations.
func New() (*Validator, error) {
	o, err := load()
	if err != nil {
		return nil, fmt.Errorf("loading GitHub's OpenAPI description: %w", err)
	}
	return &Validator{operations: o, checked: map[string]int{}}, nil
}

// load reads the description, once for all validators.
var load = sync.OnceValues(func() (*operations, error) {
	doc, err := openapi3.NewLoader().LoadFromData(description)
	if err != nil {
		return nil, err
	}
	if list := doc.Paths.Value("/app/installations"); list != nil {
		items := list.Get.Responses.Status(http.StatusOK).Value.Content["application/json"].Schema.Value.Items
		account := items.Value.Properties["account"].Value
		account.AnyOf, account.AllOf = account.AllOf, nil
	}
	if created := doc.Components.Parameters["created"]; created != nil {
		created.Value.Schema.Value.Format = ""
	}
	o := &operations{mux: http.NewServeMux(), comments: http.NewServeMux()}
	for _, path := range slices.Sorted(maps.Keys(doc.Paths.Map())) {
		item := doc.Paths.Value(path)
		for method, op := range item.Operations() {
			mux := o.mux
			if strings.Contains(path, "/issues/comments/") {
				mux = o.comments
			}
			mux.Handle(method+" "+pattern(path), found{&routers.Route{Spec: doc, Path: path, PathItem: item, Method: method, Operation: op}})
		}
	}
	return o, nil
})

// found carries a route out of the mux.
type found struct{ route *routers.Route }

func (found) ServeHTTP(http.ResponseWriter, *http.Request) {}

// pattern lets the parameters at the end that may have slashes in them have some.
func pattern(path string) string {
	for _, name := range []string{"path", "ref", "basehead", "branch"} {
		if head, is := strings.CutSuffix(path, "/{"+name+"}"); is {
			return head + "/{" + name + "...}"
		}
	}
	return path
}

// Wrap checks what goes to next and what it answers.
func (v *Validator) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		held := &answer{header: http.Header{}, status: http.StatusOK}
		next.ServeHTTP(held, r)
		v.check(r, body, held)
		maps.Copy(w.Header(), held.header)
		w.WriteHeader(held.status)
		_, _ = w.Write(held.body.Bytes())
	})
}

// answer keeps an answer until it is checked.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

func (v *Validator) check(r *http.Request, body []byte, a *answer) {
	what := fmt.Sprintf("%s %s: %d", r.Method, r.URL.Path, a.status)
	req := r.Clone(context.Background())
	if rest, is := strings.CutPrefix(r.URL.EscapedPath(), "/repositories/"); is {
		_, rest, _ := strings.Cut(rest, "/")
		req.URL.RawPath = strings.TrimSuffix("/repos/owner/repo/"+rest, "/")
		req.URL.Path, _ = url.PathUnescape(req.URL.RawPath)
	}
	mux := v.mux
	if parts := strings.Split(req.URL.Path, "/"); len(parts) > 6 && parts[4] == "issues" && parts[5] == "comments" {
		mux = v.comments
	}
	handler, matched := mux.Handler(req)
	f, known := handler.(found)
	if !known {
		v.add("%s: GitHub documents no such operation", what)
		return
	}
	v.mu.Lock()
	v.checked[r.Method+" "+f.route.Path]++
	v.mu.Unlock()
	options := &openapi3filter.Options{MultiError: true, IncludeResponseStatus: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}
	req.Body = io.NopCloser(bytes.NewReader(body))
	if len(body) > 0 {
		// Clients leave it away or say something near to it; GitHub reads JSON anyway.
		req.Header.Set("Content-Type", "application/json")
	}
	in := &openapi3filter.RequestValidationInput{Request: req, Route: f.route, Options: options, PathParams: params(matched, req)}
	if a.status < 400 {
		if err := openapi3filter.ValidateRequest(req.Context(), in); err != nil {
			v.add("%s: the request: %s", what, brief(err))
		}
	}
	if a.status >= 400 && f.route.Operation.Responses.Status(a.status) == nil {
		var e struct {
			Message          string `json:"message"`
			DocumentationURL string `json:"documentation_url"`
			Status           string `json:"status"`
		}
		if json.Unmarshal(a.body.Bytes(), &e) != nil || e.Message == "" || e.DocumentationURL == "" || e.Status != fmt.Sprint(a.status) {
			v.add("%s: the answer is not shaped like an error of GitHub's: %.200s", what, a.body.String())
		}
		return
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: a.status, Header: a.header, Options: options}
	if err := openapi3filter.ValidateResponse(req.Context(), out.SetBodyBytes(a.body.Bytes())); err != nil {
		v.add("%s: the answer: %s", what, brief(err))
	}
}

// params reads the values of a pattern's parameters out of a path.
func params(matched string, r *http.Request) map[string]string {
	out := map[string]string{}
	_, path, _ := strings.Cut(matched, " ")
	have := strings.Split(r.URL.EscapedPath(), "/")
	for i, part := range strings.Split(path, "/") {
		name, is := strings.CutPrefix(part, "{")
		if !is || i >= len(have) {
			continue
		}
		value := have[i]
		name = strings.TrimSuffix(name, "}")
		if rest, is := strings.CutSuffix(name, "..."); is {
			name, value = rest, strings.Join(have[i:], "/")
		}
		if value == "" {
			value = "." // the root of the contents, whose path GitHub lets be empty
		}
		out[name], _ = url.PathUnescape(value)
	}
	return out
}

// brief is an error without the schema that it quotes.
func brief(err error) string {
	var multi openapi3.MultiError
	if errors.As(err, &multi) && len(multi) > 0 {
		var parts []string
		for _, e := range multi {
			parts = append(parts, brief(e))
		}
		return strings.Join(parts, "; ")
	}
	var schema *openapi3.SchemaError
	if errors.As(err, &schema) {
		return fmt.Sprintf("at /%s: %s", strings.Join(schema.JSONPointer(), "/"), schema.Reason)
	}
	text, _, _ := strings.Cut(err.Error(), "\nSchema:")
	return text
}

func (v *Validator) add(format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.violations = append(v.violations, fmt.Sprintf(format, args...))
}

// Violations returns all violations so far.
func (v *Validator) Violations() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.violations)
}

// Checked returns how many requests were checked, by operation.
func (v *Validator) Checked() map[string]int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return maps.Clone(v.checked)
}

// Check fails a test for each violation so far. It takes what it needs of a
// *testing.T, so that this package can be linked into a program.
func (v *Validator) Check(t interface {
	Helper()
	Errorf(format string, args ...any)
}) {
	t.Helper()
	for _, text := range v.Violations() {
		t.Errorf("GitHub's OpenAPI description: %s", text)
	}
}
