package githubtest

import (
	"fmt"
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
	Concurrency yaml.Node `yaml:"concurrency"`
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
	b, err := s.git.about(repo.dir, "cat-file", "blob", sha+":"+path)
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
