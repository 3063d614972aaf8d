package githubtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// DispatchMode is how workflow_dispatch answers.
type DispatchMode string

const (
	DispatchDetails DispatchMode = "details"  // github.com: 200 with the run's id if asked for, else 204
	DispatchPlain   DispatchMode = "plain"    // knows return_run_details and answers 204 all the same
	DispatchOldGHES DispatchMode = "old-ghes" // refuses return_run_details with 422
)

var dispatchModes = []DispatchMode{DispatchDetails, DispatchPlain, DispatchOldGHES}

func (m DispatchMode) known() bool { return slices.Contains(dispatchModes, m) }

// SetDispatchMode changes how workflow_dispatch answers.
func (s *Server) SetDispatchMode(m DispatchMode) { must(m, s.setDispatchMode(m)) }

func (s *Server) setDispatchMode(m DispatchMode) error {
	if !m.known() {
		return fmt.Errorf("there is no dispatch mode %q; the modes are %v", m, dispatchModes)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dispatch = m
	return nil
}

func (s *Server) dispatchWorkflow(c *call) answer {
	s.mu.Lock()
	mode := s.dispatch
	s.mu.Unlock()
	var in struct {
		Ref     string                     `json:"ref"`
		Inputs  map[string]json.RawMessage `json:"inputs"`
		Details bool                       `json:"return_run_details"`
	}
	var keys map[string]json.RawMessage
	if bad := c.into(&keys); bad != nil {
		return *bad
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if key == "return_run_details" && mode != DispatchOldGHES {
			continue
		}
		if key != "ref" && key != "inputs" {
			return fail(422, fmt.Sprintf("Invalid request.\n\n%q is not a permitted key.", key))
		}
	}
	if bad := c.into(&in); bad != nil {
		return *bad
	}
	if in.Ref == "" {
		return fail(422, "Invalid request.\n\n\"ref\" wasn't supplied.")
	}
	r, refused := s.dispatchRun(c.repo, c.actor, c.r.PathValue("workflow_id"), in.Ref, in.Inputs)
	if refused != nil {
		return *refused
	}
	if !in.Details || mode != DispatchDetails {
		return answer{status: http.StatusNoContent}
	}
	return ok(obj{"workflow_run_id": r.ID, "run_url": s.api("repos", c.repo.FullName(), "actions/runs", r.ID), "html_url": r.URL})
}

// dispatchRun checks a dispatch against the workflow file at the ref and starts
// the run.
func (s *Server) dispatchRun(repo *repository, who actor, workflow, ref string, sent map[string]json.RawMessage) (WorkflowRun, *answer) {
	refuse := func(status int, message string) (WorkflowRun, *answer) {
		a := fail(status, message)
		return WorkflowRun{}, &a
	}
	w, found := s.findWorkflow(repo, workflow)
	if !found {
		return refuse(404, "Not Found")
	}
	sha := s.git.commit(repo.dir, strings.TrimPrefix(ref, "refs/heads/"))
	if sha == "" {
		return refuse(422, "No ref found for: "+ref)
	}
	content, there := s.readFile(repo, sha, w.Path)
	if !there {
		return refuse(422, "Workflow does not have 'workflow_dispatch' trigger")
	}
	file, err := parseWorkflow(content)
	if err != nil {
		return refuse(422, err.Error())
	}
	declared, has := file.dispatchInputs()
	if !has {
		return refuse(422, "Workflow does not have 'workflow_dispatch' trigger")
	}
	inputs, refused := checkInputs(declared, sent)
	if refused != nil {
		return WorkflowRun{}, refused
	}
	r, err := s.newRun(repo, w, file, ref, sha, inputs, who)
	if err != nil {
		s.log.Error("starting a run", "error", err)
		return refuse(500, "Failed to run workflow dispatch")
	}
	return r, nil
}

// StartRun starts a workflow as the user, by the button "Run workflow".
func (s *Server) StartRun(repo Repository, user Account, workflow, ref string, inputs map[string]string) WorkflowRun {
	sent := map[string]json.RawMessage{}
	for k, v := range inputs {
		sent[k] = must(json.Marshal(v))
	}
	return must(s.startRun(repo, user, workflow, ref, sent))
}

func (s *Server) startRun(repo Repository, user Account, workflow, ref string, inputs map[string]json.RawMessage) (WorkflowRun, error) {
	s.mu.Lock()
	r, u, err := s.repoAndUser(repo.ID, user.ID)
	s.mu.Unlock()
	if err != nil {
		return WorkflowRun{}, err
	}
	if ref == "" {
		ref = repo.DefaultBranch
	}
	run, refused := s.dispatchRun(r, actor{user: u}, workflow, ref, inputs)
	if refused != nil {
		if refused.status == http.StatusNotFound {
			return run, notFound("workflow %s", workflow)
		}
		return run, errors.New(refused.body.(problem).Message)
	}
	return run, nil
}

// checkInputs compares what was sent with what the workflow declares.
func checkInputs(declared map[string]workflowInput, sent map[string]json.RawMessage) (map[string]string, *answer) {
	refuse := func(format string, args ...any) (map[string]string, *answer) {
		a := fail(422, fmt.Sprintf(format, args...))
		return nil, &a
	}
	if len(sent) > 25 {
		return refuse("you may only define up to 25 `inputs` for a `workflow_dispatch` event")
	}
	inputs, size := map[string]string{}, 0
	var unexpected []string
	for _, name := range slices.Sorted(maps.Keys(sent)) {
		if _, known := declared[name]; !known {
			unexpected = append(unexpected, name)
		}
		var v any
		_ = json.Unmarshal(sent[name], &v)
		switch v := v.(type) {
		case string:
			inputs[name] = v
		case bool, float64:
			inputs[name] = fmt.Sprint(v)
		case nil:
		default:
			return refuse("Invalid value for input '%s'", name)
		}
		size += len([]rune(name)) + len([]rune(inputs[name]))
	}
	if len(unexpected) > 0 {
		names, _ := json.Marshal(unexpected)
		return refuse("Unexpected inputs provided: %s", names)
	}
	if size > 65535 {
		return refuse("inputs are too large.")
	}
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		d := declared[name]
		if _, given := inputs[name]; !given {
			if d.Required && d.Default.IsZero() {
				return refuse("Required input '%s' not provided", name)
			}
			inputs[name] = d.Default.Value
		}
		if d.Type == "choice" && !slices.Contains(d.Options, inputs[name]) {
			return refuse("Provided value '%s' for input '%s' not in the list of allowed values", inputs[name], name)
		}
	}
	return inputs, nil
}
