package workflowtest

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// The roles that the test's binary has besides the test, by its first argument.
// No flag of a test looks like them.
const (
	roleRunner = "as-runner"  // carries out a job of the simulated GitHub under act
	roleAgent  = "as-agent"   // the engine: writes down what it sees of the job
	roleStub   = "run"        // what action.yml tells an anvil-runner to do
	witness    = "WITNESS.md" // what the agent writes
	jobToken   = "ghs_tokenOfTheJob0123456789ABCDEFGHIJKLM"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		role := map[string]func() error{roleRunner: beRunner, roleAgent: beAgent, roleStub: beStub, "prebuild": beStub}[os.Args[1]]
		if role != nil {
			if err := role(); err != nil {
				fmt.Fprintln(os.Stderr, os.Args[1]+":", err)
				os.Exit(1)
			}
			os.Exit(0)
		}
	}
	os.Exit(m.Run())
}

// beRunner stands where GitHub's own runner stands: it becomes act, with the
// workflow file of the run and the event that started it.
func beRunner() error {
	workflow, content, err := workflowOfRun()
	if err != nil {
		return err
	}
	tree := filepath.Join(os.Getenv("RUNNER_TEMP"), "act")
	path := filepath.Join(tree, workflow)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		return err
	}
	if err := os.Chdir(tree); err != nil {
		return err
	}
	// act would ask git about the tree, and finds none: the values that it then
	// makes up are of no use to the runner, which believes the OIDC token alone.
	args := []string{
		"act", cmp.Or(os.Getenv("WORKFLOWTEST_EVENT"), "workflow_dispatch"),
		"--workflows", workflow, "--eventpath", os.Getenv("GITHUB_EVENT_PATH"),
		"--platform", "ubuntu-latest=-self-hosted",
		"--local-repository", "seed-bc0cc349/anvil@main=" + os.Getenv("WORKFLOWTEST_SOURCE"),
		"--action-cache-path", filepath.Join(tree, "cache"), "--no-cache-server",
		"--container-daemon-socket", "-", "--secret", "GITHUB_TOKEN=" + jobToken, "--pull=false",
	}
	more, err := argumentsOfTest()
	if err != nil {
		return err
	}
	return syscall.Exec(os.Getenv("ANVIL_ACT"), append(args, more...), environmentOfAct())
}

// argumentsOfTest are those that a test adds by a file, with what the runner would know
// of the run: a job that has no server of Anvil's asks GitHub itself.
func argumentsOfTest() (args []string, err error) {
	file := os.Getenv("WORKFLOWTEST_ARGUMENTS")
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &args)
	}
	for _, name := range []string{"REPOSITORY", "RUN_ID", "RUN_ATTEMPT", "SERVER_URL", "API_URL", "ACTOR"} {
		args = append(args, "--env", "GITHUB_"+name+"="+os.Getenv("GITHUB_"+name))
	}
	return args, err
}

// workflowOfRun asks the simulated GitHub for the workflow file at the run's
// commit.
func workflowOfRun() (path, content string, err error) {
	ref, _, _ := strings.Cut(os.Getenv("GITHUB_WORKFLOW_REF"), "@")
	repository := os.Getenv("GITHUB_REPOSITORY")
	path = strings.TrimPrefix(ref, repository+"/")
	query := url.Values{"path": {path}, "ref": {os.Getenv("GITHUB_SHA")}}
	response, err := http.Get(os.Getenv("GITHUB_SERVER_URL") + "/_sim/repositories/" + repository + "/file?" + query.Encode())
	if err != nil {
		return "", "", err
	}
	defer response.Body.Close()
	var file struct{ Content, Error string }
	if err := json.NewDecoder(response.Body).Decode(&file); err != nil {
		return "", "", err
	}
	if file.Error != "" {
		return "", "", errors.New(file.Error)
	}
	return path, file.Content, nil
}

// environmentOfAct is what the steps of the job may inherit. What the simulator
// makes of the inputs (ANVIL_*) is not among it: that they arrive is the workflow
// files' task here. The GITHUB_* and RUNNER_* variables are act's to set.
func environmentOfAct() []string {
	env := []string{"ACT_DISABLE_VERSION_CHECK=1"}
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		inherited := slices.Contains([]string{"PATH", "HOME", "LANG", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "DOCKER_HOST", "CGO_ENABLED"}, name)
		if inherited || strings.HasPrefix(name, "ACTIONS_") || strings.HasPrefix(name, "GO") || strings.HasPrefix(name, "WORKFLOWTEST_") {
			env = append(env, entry)
		}
	}
	return env
}

// beAgent writes the names of all variables that it has into a file of the tree, and
// in which of them it sees the job's token.
func beAgent() error {
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	var text strings.Builder
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		fmt.Fprintln(&text, name)
		if strings.Contains(entry, jobToken) {
			fmt.Fprintln(&text, "GITHUB_TOKEN's value in", name)
		}
	}
	fmt.Println(`{"event":"answer","text":"I wrote down what I see."}`)
	return os.WriteFile(witness, []byte(text.String()), 0o644)
}

// seen is what the stub of a runner writes down.
type seen struct {
	PID    int               `json:"pid"`
	Inputs map[string]string `json:"inputs"`
}

// stubSays are the outputs of the stub besides task and result.
const stubSays = "outcome=succeeded\npull-request=7\nbranch=anvil/1-x\ncost=0.1235\ncache=warm: pulled\ndebug=/tmp/anvil-debug.tar.gz\n"

// beStub takes the place of anvil-runner: it writes down what it got, and sets
// the step's outputs.
func beStub() error {
	s := seen{PID: os.Getpid(), Inputs: map[string]string{}}
	for _, entry := range os.Environ() {
		if name, value, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "ANVIL_") || name == "GITHUB_TOKEN" {
			s.Inputs[name] = value
		}
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if path := os.Getenv("GITHUB_OUTPUT"); path != "" {
		if err := os.WriteFile(path, []byte("task="+s.Inputs["ANVIL_TASK"]+"\nresult=unchanged\n"+stubSays), 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(os.Getenv("WORKFLOWTEST_SEEN"), text, 0o644)
}

// stubDir makes a directory with a stub of anvil-runner and returns it with the
// file that the stub writes to.
func stubDir(t *testing.T) (dir, seenIn string) {
	t.Helper()
	dir = t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(dir, "anvil-runner")); err != nil {
		t.Fatal(err)
	}
	return dir, filepath.Join(dir, "seen.json")
}

func readSeen(t *testing.T, path string) seen {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("the runner was not started: %v", err)
	}
	var s seen
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// program finds a program that a test cannot do without.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("there is no %s on the PATH", name)
	}
	return path
}
