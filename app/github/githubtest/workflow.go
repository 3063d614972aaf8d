package githubtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Workflow is a workflow file that the repository has, or had.
type Workflow struct {
	ID        int64     `json:"id"`
	Path      string    `json:"path"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"created_at"`

	runs int // the number of the latest run
}

// workflowFile is as much of a workflow file as the simulator reads.
type workflowFile struct {
	Name        string    `yaml:"name"`
	RunName     string    `yaml:"run-name"`
	On          yaml.Node `yaml:"on"`
	Permissions yaml.Node `yaml:"permissions"`
	Jobs        yaml.Node `yaml:"jobs"`
}

// workflowJob is the job that a run has: the file's first.
type workflowJob struct {
	ID          string
	Name        string    `yaml:"name"`
	Uses        string    `yaml:"uses"` // a reusable workflow
	RunsOn      yaml.Node `yaml:"runs-on"`
	Permissions yaml.Node `yaml:"permissions"`
	Environment yaml.Node `yaml:"environment"`
	Timeout     yaml.Node `yaml:"timeout-minutes"`
}

// workflowInput is an input of workflow_dispatch.
type workflowInput struct {
	Required bool      `yaml:"required"`
	Default  yaml.Node `yaml:"default"`
	Type     string    `yaml:"type"`
	Options  []string  `yaml:"options"`
}

func parseWorkflow(content string) (workflowFile, error) {
	var f workflowFile
	if err := yaml.Unmarshal([]byte(content), &f); err != nil {
		return f, fmt.Errorf("failed to parse workflow: %w", err)
	}
	return f, nil
}

// dispatchInputs returns the inputs of workflow_dispatch, and whether the file has
// that trigger at all.
func (f workflowFile) dispatchInputs() (map[string]workflowInput, bool) {
	switch f.On.Kind {
	case yaml.ScalarNode:
		return nil, f.On.Value == "workflow_dispatch"
	case yaml.SequenceNode:
		return nil, slices.ContainsFunc(f.On.Content, func(n *yaml.Node) bool { return n.Value == "workflow_dispatch" })
	}
	var on map[string]yaml.Node
	if f.On.Decode(&on) != nil {
		return nil, false
	}
	trigger, has := on["workflow_dispatch"]
	var t struct {
		Inputs map[string]workflowInput `yaml:"inputs"`
	}
	if has && trigger.Kind == yaml.MappingNode {
		_ = trigger.Decode(&t)
	}
	return t.Inputs, has
}

// job returns the file's first job.
func (f workflowFile) job() workflowJob {
	var j workflowJob
	if len(f.Jobs.Content) >= 2 {
		_ = f.Jobs.Content[1].Decode(&j)
		j.ID = f.Jobs.Content[0].Value
	}
	if j.Name == "" {
		j.Name = j.ID
	}
	return j
}

// labels are what the job runs on.
func (j workflowJob) labels() []string {
	var one string
	var many []string
	if j.RunsOn.Decode(&one) == nil && one != "" {
		return []string{one}
	}
	_ = j.RunsOn.Decode(&many)
	return nonNil(many)
}

// environment is the job's environment, if it has one.
func (j workflowJob) environment() string {
	var name string
	var long struct {
		Name string `yaml:"name"`
	}
	if j.Environment.Decode(&name) == nil && name != "" {
		return name
	}
	_ = j.Environment.Decode(&long)
	return long.Name
}

func (j workflowJob) timeout() time.Duration {
	var minutes float64
	if j.Timeout.Decode(&minutes) == nil && minutes > 0 {
		return time.Duration(minutes * float64(time.Minute))
	}
	return 6 * time.Hour
}

// mayGetIDToken reports whether the job has `id-token: write`. A job's permissions
// replace the workflow's; nobody has it without asking.
func mayGetIDToken(workflow, job yaml.Node) bool {
	node := workflow
	if !job.IsZero() {
		node = job
	}
	if node.Kind == yaml.ScalarNode {
		return node.Value == "write-all"
	}
	var p map[string]string
	return node.Decode(&p) == nil && p["id-token"] == "write"
}

var expression = regexp.MustCompile(`\$\{\{(.*?)\}\}`)

// evaluate replaces the expressions of a run-name. It knows names of the contexts
// that a run-name may use, string literals, and ||. Anything else is empty.
func evaluate(text string, lookup func(string) string) string {
	return expression.ReplaceAllStringFunc(text, func(m string) string {
		for _, term := range strings.Split(expression.FindStringSubmatch(m)[1], "||") {
			term = strings.TrimSpace(term)
			if quoted, is := strings.CutPrefix(term, "'"); is && strings.HasSuffix(quoted, "'") {
				return strings.ReplaceAll(strings.TrimSuffix(quoted, "'"), "''", "'")
			}
			if v := lookup(term); v != "" {
				return v
			}
		}
		return ""
	})
}

// lookup resolves the names that an expression may use.
func (r *run) lookup(name string) string {
	name = strings.NewReplacer("['", ".", "']", "").Replace(name)
	for _, prefix := range []string{"inputs.", "github.event.inputs."} {
		if input, is := strings.CutPrefix(name, prefix); is {
			return r.Inputs[input]
		}
	}
	return map[string]string{
		"github.ref": r.Ref, "github.ref_name": r.Branch, "github.sha": r.SHA, "github.actor": r.Actor.Login,
		"github.triggering_actor": r.Actor.Login, "github.repository": r.repo.FullName(), "github.run_id": strconv.FormatInt(r.ID, 10),
		"github.run_number": strconv.Itoa(r.Number), "github.run_attempt": strconv.Itoa(r.Attempt), "github.event_name": r.Event,
		"github.workflow": r.Name, "github.repository_owner": r.repo.Owner.Login,
	}[name]
}

const workflowDir = ".github/workflows/"

// findWorkflow finds a workflow by its file name, path or id. A workflow exists if
// its file is on the default branch. It runs git, so without mu.
func (s *Server) findWorkflow(repo *repository, name string) (*Workflow, bool) {
	s.mu.Lock()
	if id, err := strconv.ParseInt(name, 10, 64); err == nil {
		for _, w := range repo.workflows {
			if w.ID == id {
				name = w.Path
			}
		}
	}
	s.mu.Unlock()
	path := workflowDir + strings.TrimPrefix(name, workflowDir)
	content, there := s.readFile(repo, repo.DefaultBranch, path)
	if !there || !strings.HasSuffix(path, ".yml") && !strings.HasSuffix(path, ".yaml") {
		return nil, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w := repo.workflows[path]
	if w == nil {
		w = &Workflow{ID: s.newID("workflow"), Path: path, CreatedAt: s.now()}
		repo.workflows[path] = w
	}
	w.Name = path
	if f, err := parseWorkflow(content); err == nil && f.Name != "" {
		w.Name = f.Name
	}
	return w, true
}

func (s *Server) readFile(repo *repository, ref, path string) (string, bool) {
	sha := s.git.commit(repo.dir, ref)
	if sha == "" {
		return "", false
	}
	b, err := s.git.run(repo.dir, nil, nil, "cat-file", "blob", sha+":"+path)
	return string(b), err == nil
}

func (s *Server) workflowJSON(repo *repository, w *Workflow) obj {
	file := w.Path[len(workflowDir):]
	html := s.addr(repo.FullName(), "blob", repo.DefaultBranch, w.Path)
	return obj{"id": w.ID, "node_id": nodeID("workflow", w.ID), "name": w.Name, "path": w.Path, "state": "active",
		"created_at": at(w.CreatedAt), "updated_at": at(w.CreatedAt), "url": s.api("repos", repo.FullName(), "actions/workflows", w.ID),
		"html_url": html, "badge_url": s.addr(repo.FullName(), "actions/workflows", file, "badge.svg")}
}

func (s *Server) getWorkflow(c *call) answer {
	w, found := s.findWorkflow(c.repo, c.r.PathValue("workflow_id"))
	if !found {
		return fail(404, "Not Found")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return ok(s.workflowJSON(c.repo, w))
}

func (s *Server) listWorkflows(c *call) answer {
	sha := s.git.commit(c.repo.dir, c.repo.DefaultBranch)
	list := []obj{}
	if sha != "" {
		entries, _ := s.listTree(c.repo.dir, sha, strings.TrimSuffix(workflowDir, "/"))
		for _, e := range entries {
			if w, found := s.findWorkflow(c.repo, e.path); found {
				s.mu.Lock()
				list = append(list, s.workflowJSON(c.repo, w))
				s.mu.Unlock()
			}
		}
	}
	cut, link := page(s, c, list)
	return answer{status: 200, header: link, body: obj{"total_count": len(list), "workflows": cut}}
}

// DispatchMode is how workflow_dispatch answers.
type DispatchMode string

const (
	DispatchDetails DispatchMode = "details"  // github.com: 200 with the run's id if asked for, else 204
	DispatchPlain   DispatchMode = "plain"    // knows return_run_details and answers 204 all the same
	DispatchOldGHES DispatchMode = "old-ghes" // refuses return_run_details with 422
)

// SetDispatchMode changes how workflow_dispatch answers.
func (s *Server) SetDispatchMode(m DispatchMode) { must(m, s.setDispatchMode(m)) }

func (s *Server) setDispatchMode(m DispatchMode) error {
	if m != DispatchDetails && m != DispatchPlain && m != DispatchOldGHES {
		return fmt.Errorf("there is no dispatch mode %q", m)
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
