package githubtest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

func (j *job) workspace(r *run) string {
	return filepath.Join(j.dir, "work", r.repo.Name, r.repo.Name)
}

// prepare makes a fresh workspace and the environment that a real runner gives.
func (s *Server) prepare(r *run, j *job) ([]string, error) {
	dir := filepath.Join(s.dir, "jobs", fmt.Sprintf("%d-%d", r.ID, j.Attempt))
	temp, tools, home := filepath.Join(dir, "_temp"), filepath.Join(dir, "_tool"), filepath.Join(dir, "home")
	files := filepath.Join(temp, "_runner_file_commands")
	s.mu.Lock()
	j.dir = dir
	workspace := j.workspace(r)
	sender := s.accountJSON(s.accounts[r.Actor.ID])
	event, err := json.Marshal(obj{"inputs": r.Inputs, "ref": r.Ref, "repository": s.repositoryJSON(r.repo), "sender": sender, "workflow": r.Path})
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	for _, d := range []string{workspace, files, tools, home, filepath.Join(temp, "_github_workflow")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, err
		}
	}
	eventPath := filepath.Join(temp, "_github_workflow", "event.json")
	if err := os.WriteFile(eventPath, event, 0o644); err != nil {
		return nil, err
	}
	log, err := newJobLog(filepath.Join(dir, "job.log"), s.opts.Now, s.logChanged)
	if err != nil {
		return nil, err
	}
	refType := "branch"
	if strings.HasPrefix(r.Ref, "refs/tags/") {
		refType = "tag"
	}
	suffix := strings.ReplaceAll(newGUID(), "-", "")[:12]
	values := [][2]string{
		{"GITHUB_ACTIONS", "true"}, {"CI", "true"}, {"GITHUB_RUN_ID", strconv.FormatInt(r.ID, 10)}, {"GITHUB_RUN_NUMBER", strconv.Itoa(r.Number)},
		{"GITHUB_RUN_ATTEMPT", strconv.Itoa(j.Attempt)}, {"GITHUB_REPOSITORY", r.repo.FullName()}, {"GITHUB_REPOSITORY_ID", strconv.FormatInt(r.repo.ID, 10)},
		{"GITHUB_REPOSITORY_OWNER", r.repo.Owner.Login}, {"GITHUB_REPOSITORY_OWNER_ID", strconv.FormatInt(r.repo.Owner.ID, 10)},
		{"GITHUB_REF", r.Ref}, {"GITHUB_REF_NAME", r.Branch}, {"GITHUB_REF_TYPE", refType}, {"GITHUB_REF_PROTECTED", "false"}, {"GITHUB_HEAD_REF", ""},
		{"GITHUB_BASE_REF", ""}, {"GITHUB_SHA", r.SHA}, {"GITHUB_WORKFLOW", r.Name}, {"GITHUB_WORKFLOW_REF", r.workflowRef()}, {"GITHUB_WORKFLOW_SHA", r.SHA},
		{"GITHUB_EVENT_NAME", r.Event}, {"GITHUB_EVENT_PATH", eventPath}, {"GITHUB_WORKSPACE", workspace}, {"GITHUB_JOB", r.file.job().ID},
		{"GITHUB_ACTION", "__run"}, {"GITHUB_ACTOR", r.Actor.Login}, {"GITHUB_ACTOR_ID", strconv.FormatInt(r.Actor.ID, 10)},
		{"GITHUB_TRIGGERING_ACTOR", r.Actor.Login}, {"GITHUB_RETENTION_DAYS", "90"}, {"GITHUB_SERVER_URL", s.URL}, {"GITHUB_API_URL", s.api()},
		{"GITHUB_GRAPHQL_URL", s.addr("api/graphql")}, {"RUNNER_TEMP", temp}, {"RUNNER_TOOL_CACHE", tools}, {"RUNNER_WORKSPACE", filepath.Dir(workspace)},
		{"RUNNER_NAME", runnerName}, {"RUNNER_OS", osName()}, {"RUNNER_ARCH", archName()}, {"RUNNER_ENVIRONMENT", "github-hosted"},
		{"RUNNER_TRACKING_ID", "github_" + newGUID()}, {"HOME", home}, {"PATH", os.Getenv("PATH")}, {"LANG", "C.UTF-8"},
		// A real step can reach these services with these. The agent must never see them.
		{"ACTIONS_RUNTIME_URL", s.addr("_services/pipelines/")}, {"ACTIONS_RUNTIME_TOKEN", "canary-runtime-token-" + newGUID()},
		{"ACTIONS_RESULTS_URL", s.addr("_services/results/")}, {"ACTIONS_CACHE_URL", s.addr("_services/cache/")},
	}
	for _, name := range []string{"ENV", "PATH", "OUTPUT", "STATE", "STEP_SUMMARY"} {
		path := filepath.Join(files, map[string]string{"ENV": "set_env", "PATH": "add_path", "OUTPUT": "set_output", "STATE": "save_state",
			"STEP_SUMMARY": "step_summary"}[name]+"_"+suffix)
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			return nil, err
		}
		values = append(values, [2]string{"GITHUB_" + name, path})
		if name == "STEP_SUMMARY" {
			log.summary = path
		}
	}
	if r.mayGetIDToken() {
		values = append(values, [2]string{"ACTIONS_ID_TOKEN_REQUEST_URL", s.addr("_services/token/idtoken", r.ID, j.ID) + "?api-version=2.0"},
			[2]string{"ACTIONS_ID_TOKEN_REQUEST_TOKEN", j.requestToken})
	}
	// What the steps of action.yml do with the inputs, which are not interpreted here.
	for name, value := range r.Inputs {
		values = append(values, [2]string{"ANVIL_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_")), value})
	}
	var env []string
	for _, kv := range values {
		env = append(env, kv[0]+"="+kv[1])
	}
	s.mu.Lock()
	j.log = log
	s.mu.Unlock()
	return append(env, s.opts.Runner.Env...), nil
}

func (r *run) workflowRef() string { return r.repo.FullName() + "/" + r.Path + "@" + r.Ref }

func osName() string {
	return map[string]string{"linux": "Linux", "darwin": "macOS", "windows": "Windows"}[runtime.GOOS]
}

func archName() string {
	return map[string]string{"amd64": "X64", "arm64": "ARM64", "386": "X86", "arm": "ARM"}[runtime.GOARCH]
}
