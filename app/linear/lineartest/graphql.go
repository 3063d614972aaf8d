package lineartest

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

//go:embed schema.graphql
var schemaText string

var schema = gqlparser.MustLoadSchema(&ast.Source{Name: "schema.graphql", Input: schemaText})

// request is the body of a GraphQL request.
type request struct {
	Query     string         `json:"query"`
	Operation string         `json:"operationName"`
	Variables map[string]any `json:"variables"`
}

// field is the first field that the request asks for, or empty.
func (q request) field() string {
	doc, err := parser.ParseQuery(&ast.Source{Input: q.Query})
	if err != nil || len(doc.Operations) == 0 || len(doc.Operations[0].SelectionSet) == 0 {
		return ""
	}
	f, _ := doc.Operations[0].SelectionSet[0].(*ast.Field)
	if f == nil {
		return ""
	}
	return f.Name
}

// failure is an error as Linear answers it.
type failure struct {
	status  int
	message string
	kind    string // extensions.type
	code    string // extensions.code
}

func (f *failure) Error() string { return f.message }

func invalid(message string, args ...any) error {
	return &failure{status: http.StatusBadRequest, message: fmt.Sprintf(message, args...), kind: "invalid input", code: "INPUT_ERROR"}
}

func missing(what string) error {
	return &failure{status: http.StatusOK, message: "Entity not found: " + what, kind: "invalid input", code: "INPUT_ERROR"}
}

// resolver gives the value of a root field: scalars, objects, or lists of them.
type resolver func(c *call, args map[string]any) (any, error)

// call is one GraphQL request by the agent.
type call struct {
	*Server
	selected ast.SelectionSet
}

func resolvers() map[string]resolver {
	return map[string]resolver{
		"viewer": viewer, "user": user, "issue": issue, "team": team, "agentSession": agentSession, "agentActivity": agentActivity,
		"agentActivityCreate": agentActivityCreate, "agentSessionUpdate": agentSessionUpdate, "issueUpdate": issueUpdate,
	}
}

func (s *Server) graphql(w http.ResponseWriter, r *http.Request) {
	var q request
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		s.answer(w, r, nil, invalid("the body is no JSON"))
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.authorize(r); err != nil {
		s.answer(w, r, nil, err)
		return
	}
	left, reset, ok := s.spend()
	w.Header().Set("X-RateLimit-Requests-Limit", strconv.Itoa(s.opts.Budget.Requests))
	w.Header().Set("X-RateLimit-Requests-Remaining", strconv.Itoa(left))
	w.Header().Set("X-RateLimit-Requests-Reset", strconv.FormatInt(reset.UnixMilli(), 10))
	if !ok {
		s.answer(w, r, nil, &failure{status: http.StatusBadRequest, message: "Rate limit exceeded", kind: "ratelimited", code: "RATELIMITED"})
		return
	}
	doc, errs := gqlparser.LoadQueryWithRules(schema, q.Query, rules.NewDefaultRules())
	if len(errs) > 0 {
		s.answer(w, r, nil, &failure{status: http.StatusBadRequest, message: errs.Error(), kind: "graphql error", code: "GRAPHQL_VALIDATION_FAILED"})
		return
	}
	op := doc.Operations.ForName(q.Operation)
	if op == nil {
		s.answer(w, r, nil, invalid("no operation %q", q.Operation))
		return
	}
	vars, err := validator.VariableValues(schema, op, q.Variables)
	if err != nil {
		s.answer(w, r, nil, &failure{status: http.StatusBadRequest, message: err.Error(), kind: "graphql error", code: "GRAPHQL_VALIDATION_FAILED"})
		return
	}
	data := obj{}
	for _, sel := range op.SelectionSet {
		f, isField := sel.(*ast.Field)
		if !isField || resolvers()[f.Name] == nil {
			s.answer(w, r, nil, invalid("only plain fields are simulated at the root"))
			return
		}
		value, err := resolvers()[f.Name](&call{s, f.SelectionSet}, f.ArgumentMap(vars))
		if err != nil {
			s.answer(w, r, nil, err)
			return
		}
		data[f.Alias] = project(value, f.SelectionSet, vars)
	}
	s.answer(w, r, data, nil)
}

// project takes what a selection asks for out of a value.
func project(value any, selected ast.SelectionSet, vars map[string]any) any {
	if len(selected) == 0 {
		return value
	}
	switch v := value.(type) {
	case []obj:
		all := make([]any, 0, len(v))
		for _, one := range v {
			all = append(all, project(one, selected, vars))
		}
		return all
	case obj:
		out := obj{}
		pick(v, selected, vars, out)
		return out
	}
	return nil
}

func pick(v obj, selected ast.SelectionSet, vars map[string]any, out obj) {
	kind, _ := v["__typename"].(string)
	for _, sel := range selected {
		switch sel := sel.(type) {
		case *ast.Field:
			value := v[sel.Name]
			if f, ok := value.(func(map[string]any) any); ok {
				value = f(sel.ArgumentMap(vars))
			}
			out[sel.Alias] = project(value, sel.SelectionSet, vars)
		case *ast.InlineFragment:
			if sel.TypeCondition == "" || sel.TypeCondition == kind {
				pick(v, sel.SelectionSet, vars, out)
			}
		case *ast.FragmentSpread:
			if def := sel.Definition; def.TypeCondition == kind || schema.Types[def.TypeCondition].IsAbstractType() {
				pick(v, def.SelectionSet, vars, out)
			}
		}
	}
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, data obj, err error) {
	status, body := http.StatusOK, obj{"data": data}
	if err != nil {
		f, ok := err.(*failure)
		if !ok {
			f = &failure{status: http.StatusInternalServerError, message: err.Error(), kind: "internal error", code: "INTERNAL_SERVER_ERROR"}
		}
		status = f.status
		body = obj{"data": nil, "errors": []obj{{"message": f.message, "extensions": obj{
			"type": f.kind, "code": f.code, "userError": strings.HasPrefix(f.kind, "invalid"), "userPresentableMessage": f.message,
		}}}}
		s.ledger.Note(r, func(e *Entry) { e.Error = f.code + ": " + f.message })
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
