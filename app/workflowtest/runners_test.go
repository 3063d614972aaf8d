package workflowtest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// One runner for one job: GitHub is asked once, the container gets the configuration in
// its environment, is removed after the job, and never sees the token.
func TestJustInTimeRunner(t *testing.T) {
	t.Parallel()
	const token, config = "ghp_tokenOfAnAdministrator", "eyJjb25maWd1cmF0aW9uIjoxfQ=="
	for name, c := range map[string]struct {
		owner  string
		labels []string
		status int
		path   string
		asked  map[string]any
		fails  string
	}{
		"of an organisation": {"acme", nil, 201, "/orgs/acme/actions/runners/generate-jitconfig", map[string]any{"runner_group_id": 1.0, "labels": []any{"anvil"}, "work_folder": "_work"}, ""},
		"of a repository":    {"acme/web", []string{"self-hosted", "big"}, 201, "/repos/acme/web/actions/runners/generate-jitconfig", map[string]any{"runner_group_id": 1.0, "labels": []any{"self-hosted", "big"}, "work_folder": "_work"}, ""},
		"not allowed":        {"acme", nil, 403, "/orgs/acme/actions/runners/generate-jitconfig", nil, "RUNNER_JIT: GitHub gives no configuration for acme"},
		"an empty answer":    {"acme", nil, 200, "/orgs/acme/actions/runners/generate-jitconfig", nil, "RUNNER_JIT: GitHub's answer has no configuration"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked map[string]any
			var path, authorization string
			hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				_ = json.Unmarshal(body, &asked)
				path, authorization = r.URL.Path, r.Header.Get("Authorization")
				w.WriteHeader(c.status)
				if c.status == 201 {
					_, _ = io.WriteString(w, `{"runner": {"id": 1, "name": "x"}, "encoded_jit_config": "`+config+`"}`)
				}
			}))
			t.Cleanup(hub.Close)
			dir := t.TempDir()
			writeProgram(t, filepath.Join(dir, "docker"), "#!/bin/sh\nprintf '%s\\n' \"$@\" > \"$OUT/arguments\"\nenv > \"$OUT/environment\"\n")
			args := append([]string{filepath.Join(root, "runner-image/just-in-time"), c.owner, "image@sha256:1"}, c.labels...)
			cmd := exec.CommandContext(t.Context(), program(t, "bash"), args...)
			cmd.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "OUT=" + dir, "GH_TOKEN=" + token, "GITHUB_API_URL=" + hub.URL}
			var said bytes.Buffer
			cmd.Stderr = &said
			err := cmd.Run()
			if path != c.path || authorization != "Bearer "+token {
				t.Errorf("GitHub was asked at %q by %q, want %q", path, authorization, c.path)
			}
			if c.fails != "" {
				if err == nil || !strings.Contains(said.String(), c.fails) || strings.Contains(said.String(), token) {
					t.Errorf("%v: %s; want %q", err, said.String(), c.fails)
				}
				return
			}
			runner, _ := asked["name"].(string)
			delete(asked, "name")
			if want, got := mustJSON(t, c.asked), mustJSON(t, asked); err != nil || want != got {
				t.Fatalf("%v: asked for %s, want %s\n%s", err, got, want, said.String())
			}
			arguments := strings.Split(readText(t, filepath.Join(dir, "arguments")), "\n")
			if want := []string{"run", "--rm", "--name", runner, "--env", "JITCONFIG", "image@sha256:1"}; !slices.Equal(arguments[:len(want)], want) {
				t.Errorf("the container: %q, want %q", arguments, want)
			}
			environment := readText(t, filepath.Join(dir, "environment"))
			if !strings.Contains(environment, "JITCONFIG="+config+"\n") || strings.Contains(environment, token) || slices.Contains(arguments, config) {
				t.Errorf("the container has %q and %q", arguments, environment)
			}
		})
	}
}

// chartKeys are the keys that actions-runner-controller's chart gha-runner-scale-set has,
// of those that we could want (its values.yaml at 0041559). Its own schema leaves every
// key free but listenerConfig, so it would not notice a wrong one.
var chartKeys = []string{"githubConfigUrl", "githubConfigSecret", "proxy", "maxRunners", "minRunners", "runnerGroup", "runnerScaleSetName", "githubServerTLS", "containerMode", "listenerTemplate", "template", "controllerServiceAccount"}

// The values for a scale set use keys that the chart has, and hand nothing of the cluster
// to a job.
func TestScaleSetValues(t *testing.T) {
	t.Parallel()
	text := readText(t, filepath.Join(root, "runner-image/scale-set.yaml"))
	var values map[string]any
	if err := yaml.Unmarshal([]byte(text), &values); err != nil {
		t.Fatal(err)
	}
	for _, key := range sortedKeys(values) {
		if !slices.Contains(chartKeys, key) {
			t.Errorf("the chart has no %s", key)
		}
	}
	var pod struct {
		ContainerMode struct{ Type string } `yaml:"containerMode"`
		Template      struct {
			Spec struct {
				Automount  *bool `yaml:"automountServiceAccountToken"`
				Volumes    []any
				Containers []struct {
					Name, Image string
					Command     []string
				}
			}
		}
	}
	if err := yaml.Unmarshal([]byte(text), &pod); err != nil {
		t.Fatal(err)
	}
	spec := pod.Template.Spec
	if pod.ContainerMode.Type != "dind" || spec.Automount == nil || *spec.Automount || len(spec.Volumes) > 0 {
		t.Errorf("a job would have something of the cluster: %+v", pod)
	}
	if len(spec.Containers) != 1 || spec.Containers[0].Name != "runner" || !slices.Equal(spec.Containers[0].Command, []string{"/home/runner/run.sh"}) || !strings.Contains(spec.Containers[0].Image, "@sha256:") {
		t.Errorf("the container: %+v", spec.Containers)
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
