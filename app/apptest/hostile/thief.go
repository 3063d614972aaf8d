//go:build linux

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// robbery is what a whole job does that was taken over: it has the job's identity, so
// its claim is good and its lease is its own. Everything else is not.
var robbery = []attack{
	{"claim a run of somebody else's", "16, 17", claimAnother},
	{"use its lease for another task's run", "14, 19", onVictim(0)},
	{"use its lease for another tenant's run", "14, 19", onVictim(1)},
	{"ask its own run for what it was not given", "14, 15", askForMore},
	{"hand over under names that there are not", "19, 51", handOverMore},
	{"write into the story as the server", "33, 59", writeAsServer},
}

// afterwards is what it does once its run is over.
var afterwards = []attack{
	{"use its own lease once its run is over", "14, 19", func() (bool, string) { return everyPath(held.Run) }},
	{"claim its own run a second time", "17", func() (bool, string) {
		status, answer := claim(os.Getenv("ANVIL_TASK"), os.Getenv("ANVIL_NONCE"))
		return status < 300, answer
	}},
}

// held is the assignment that it got.
var held struct {
	Run        string `json:"run"`
	LeaseToken string `json:"lease_token"`
	BaseCommit string `json:"base_commit"`
	Repository struct {
		CloneURL string `json:"clone_url"`
	} `json:"repository"`
}

// rob carries the robbery out, hands its run back, and goes on.
func rob() {
	if status, answer := claim(os.Getenv("ANVIL_TASK"), os.Getenv("ANVIL_NONCE")); status != http.StatusOK {
		fmt.Printf("attack\tclaim its own run\t17\t1\tnothing else was tried: %s\n", answer)
		return
	}
	for _, a := range robbery {
		a.carryOut()
	}
	if status, answer := call(http.MethodPost, path(held.Run, "finish"), held.LeaseToken, nil, []byte(`{"result":"unchanged","answer":"done","verification":{"status":"unverified","reason":"none"}}`)); status != http.StatusOK {
		fmt.Printf("attack\thand its own run back\t17\t1\t%s\n", answer)
	}
	for _, a := range afterwards {
		a.carryOut()
	}
}

func path(run, rest string) string { return "/api/v1/runs/" + run + "/" + rest }

// call asks the server, and returns the status, and in words what came back.
func call(method, path, token string, header map[string]string, body []byte) (int, string) {
	request, err := http.NewRequest(method, strings.TrimRight(os.Getenv("ANVIL_SERVER"), "/")+path, bytes.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	for name, value := range header {
		request.Header.Set(name, value)
	}
	answer, err := (&http.Client{Timeout: 10 * time.Second}).Do(request)
	if err != nil {
		return 999, err.Error()
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	var refused struct{ Code string }
	if answer.StatusCode >= 300 {
		_ = json.Unmarshal(text, &refused)
		return answer.StatusCode, strings.TrimSpace(fmt.Sprint(answer.StatusCode, " ", refused.Code))
	}
	return answer.StatusCode, string(text)
}

// claim shows the job's own identity for a run.
func claim(run, nonce string) (int, string) {
	request, err := http.NewRequest(http.MethodGet, os.Getenv("ACTIONS_ID_TOKEN_REQUEST_URL")+"&audience="+os.Getenv("ANVIL_SERVER"), nil)
	if err != nil {
		return 999, err.Error()
	}
	request.Header.Set("Authorization", "Bearer "+os.Getenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN"))
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 999, err.Error()
	}
	defer answer.Body.Close()
	var minted struct{ Value string }
	if err := json.NewDecoder(answer.Body).Decode(&minted); err != nil {
		return 999, "no identity: " + err.Error()
	}
	body, _ := json.Marshal(map[string]any{"run": run, "nonce": nonce, "runner": map[string]any{"name": "a job that was taken over"}})
	status, text := call(http.MethodPost, "/api/v1/claim", minted.Value, nil, body)
	if status == http.StatusOK {
		_ = json.Unmarshal([]byte(text), &held)
	}
	return status, text
}

func claimAnother() (bool, string) {
	before := held
	defer func() { held = before }()
	var answers []string
	for _, run := range each(to.Victims) {
		for _, nonce := range []string{os.Getenv("ANVIL_NONCE"), "", "guess"} {
			status, answer := claim(run, nonce)
			if status < 300 {
				return true, "got run " + run
			}
			answers = append(answers, answer)
		}
	}
	return false, strings.Join(answers, ", ")
}

// everyPath asks everything that a lease is for, of a run, with the lease that it has.
func everyPath(run string) (bool, string) {
	var answers []string
	for _, c := range [][3]string{
		{"POST", "renew", `{"phase":"work"}`}, {"POST", "events", `{"events":[{"seq":1,"kind":"note","text":"forged by a thief"}]}`}, {"PUT", "artifacts/bundle", "forged"}, {"PUT", "artifacts/log", "forged"}, {"PUT", "artifacts/conversation", "forged"},
		{"POST", "finish", `{"result":"unchanged","answer":"forged by a thief","verification":{"status":"unverified","reason":"x"}}`}, {"GET", "restore/conversation", ""}, {"GET", "restore/checkpoint", ""},
		{"POST", "registry", "{}"}, {"GET", "images/0123456789abcdef0123456789abcdef", ""}, {"PUT", "images/0123456789abcdef0123456789abcdef", "forged"},
		{"POST", "model/v1/responses", `{"model":"x","input":"y"}`}, {"POST", "model/v1/messages", `{"model":"x","max_tokens":1,"messages":[]}`}, {"GET", "model/v1/models", ""},
		{"POST", "tools", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`},
	} {
		sum := sha256.Sum256([]byte(c[2]))
		status, answer := call(c[0], path(run, c[1]), held.LeaseToken, map[string]string{"Anvil-Digest": fmt.Sprintf("sha256:%x", sum), "Anvil-About": "{}", "Accept": "application/json, text/event-stream"}, []byte(c[2]))
		if status < 300 {
			return true, c[0] + " " + c[1] + " answered " + answer
		}
		answers = append(answers, c[1]+" "+answer)
	}
	return false, strings.Join(answers, ", ")
}

func onVictim(n int) func() (bool, string) {
	return func() (bool, string) { return everyPath(each(to.Victims)[n]) }
}

// askForMore asks for models that nobody listed, paths that no model has, and an image
// or a past that its run was not given.
func askForMore() (bool, string) {
	var answers []string
	for _, c := range [][3]string{
		{"POST", "model/v1/responses", `{"model":"unlisted","input":"x"}`}, {"POST", "model/v1/chat/completions", `{"model":"unlisted","messages":[]}`}, {"POST", "model/v1/messages", `{"model":"unlisted","max_tokens":1,"messages":[]}`},
		{"GET", "model/v1/files", ""}, {"GET", "model/v1/organization/admin_api_keys", ""}, {"POST", "model/v1/%2e%2e/admin", "{}"}, {"GET", "restore/conversation", ""}, {"GET", "restore/..%2f..%2fanvil.db", ""}, {"POST", "registry", "{}"},
	} {
		status, answer := call(c[0], path(held.Run, c[1]), held.LeaseToken, nil, []byte(c[2]))
		if status < 300 {
			return true, c[0] + " " + c[1] + " answered " + answer
		}
		answers = append(answers, answer)
	}
	return false, strings.Join(answers, ", ")
}

func handOverMore() (bool, string) {
	var answers []string
	for _, name := range []string{"config", "..%2f..%2fanvil.db", "bundle%2f..%2fkey", "log%00", "BUNDLE", strings.Repeat("a", 4000)} {
		sum := sha256.Sum256([]byte("x"))
		status, answer := call(http.MethodPut, path(held.Run, "artifacts/"+name), held.LeaseToken, map[string]string{"Anvil-Digest": fmt.Sprintf("sha256:%x", sum)}, []byte("x"))
		if status < 300 {
			return true, name + " answered " + answer
		}
		answers = append(answers, answer)
	}
	status, answer := call(http.MethodPut, path(held.Run, "artifacts/log"), held.LeaseToken, map[string]string{"Anvil-Digest": "sha256:" + strings.Repeat("0", 64)}, []byte("x"))
	return status < 300, strings.Join(append(answers, "another digest "+answer), ", ")
}

// writeAsServer appends events that only the server makes. That the story takes none of
// them for its own is judged from outside.
func writeAsServer() (bool, string) {
	var events []map[string]any
	for i, kind := range []string{"state", "claimed", "effect", "audit", "budget", "outcome", "waiting", "lease"} {
		events = append(events, map[string]any{"seq": i + 1, "kind": kind, "source": "server", "text": "forged by a thief", "at": "2020-01-01T00:00:00Z", "data": map[string]any{"state": "succeeded"}})
	}
	body, _ := json.Marshal(map[string]any{"events": events})
	status, answer := call(http.MethodPost, path(held.Run, "events"), held.LeaseToken, nil, body)
	return false, fmt.Sprintf("%d %.80s; judged from outside", status, answer)
}

// forge claims its run and hands over a bundle that no runner makes.
func forge(name string) {
	attack{"publish by a forged bundle: " + name, "28, 30", func() (bool, string) {
		if status, answer := claim(os.Getenv("ANVIL_TASK"), os.Getenv("ANVIL_NONCE")); status != http.StatusOK {
			return true, "nothing was tried: " + answer
		}
		bundle, head, err := forged(name)
		if err != nil {
			return true, "nothing was tried: " + err.Error()
		}
		digest := fmt.Sprintf("sha256:%x", sha256.Sum256(bundle))
		status, answer := call(http.MethodPut, path(held.Run, "artifacts/bundle"), held.LeaseToken, map[string]string{"Anvil-Digest": digest}, bundle)
		if status >= 300 {
			return false, "the bundle was refused: " + answer
		}
		body, _ := json.Marshal(map[string]any{"result": "proposed", "answer": "done", "head": head, "bundle": digest, "verification": map[string]any{"status": "passed"}})
		_, answer = call(http.MethodPost, path(held.Run, "finish"), held.LeaseToken, nil, body)
		return false, fmt.Sprintf("%d bytes, %.60s; judged from outside", len(bundle), answer)
	}}.carryOut()
}

// forgeries are scripts that leave refs/anvil/result and x.bundle. $B is the base.
var forgeries = map[string]string{
	"another branch and a tag beside it": `git branch evil && git tag v9 && git bundle create -q x.bundle refs/anvil/result refs/heads/evil refs/tags/v9 ^$B`,
	"under the name of the main branch":  `git branch -f main HEAD && git bundle create -q x.bundle refs/heads/main ^$B`,
	"a history of its own":               `git bundle create -q x.bundle refs/anvil/result`,
	"on a commit that GitHub has not":    `s=$(git commit-tree -m stray HEAD^{tree}) && git update-ref refs/anvil/result $(git commit-tree -m x -p $s HEAD^{tree}) && git bundle create -q x.bundle refs/anvil/result ^$s`,
	"a link out of the tree":             `ln -s /etc/passwd out && commit && make`,
	"another repository within":          `git update-index --add --cacheinfo 160000,$B,inner && git commit -q -m x && set_result && make`,
	"a workflow of its own":              `mkdir -p .github/workflows && printf 'on: push\njobs: {x: {runs-on: ubuntu-latest, steps: [{run: env}]}}\n' > .github/workflows/evil.yml && commit && make`,
	"settings for git":                   `printf '[submodule "x"]\n\tpath = x\n\turl = -u./x\n' > .gitmodules && commit && make`,
	"cut short":                          `make && head -c $(($(wc -c < x.bundle) - 30)) x.bundle > y && mv y x.bundle`,
	"no bundle at all":                   `head -c 4096 /dev/urandom > x.bundle`,
}

// forged makes a bundle by its name.
func forged(name string) (bundle []byte, head string, err error) {
	dir, err := os.MkdirTemp("", "forged")
	if err != nil {
		return nil, "", err
	}
	defer os.RemoveAll(dir)
	script := `set -e
set_result() { git update-ref refs/anvil/result HEAD; }
commit() { git add -A -f -- . ':!x.bundle' && git commit -q -m x && set_result; }
make() { git bundle create -q x.bundle refs/anvil/result ^$B; }
git clone -q "$1" work && cd work && git checkout -q --detach "$2" && B=$2
echo forged > forged.txt && commit
` + forgeries[name]
	cmd := exec.Command("sh", "-c", script, "sh", held.Repository.CloneURL, held.BaseCommit)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=x", "GIT_AUTHOR_EMAIL=x@example.com", "GIT_COMMITTER_NAME=x", "GIT_COMMITTER_EMAIL=x@example.com"}
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, "", fmt.Errorf("%w: %s", err, out)
	}
	if bundle, err = os.ReadFile(filepath.Join(dir, "work", "x.bundle")); err != nil {
		return nil, "", err
	}
	out, err := exec.Command("git", "--git-dir", filepath.Join(dir, "work", ".git"), "rev-parse", "refs/anvil/result").Output()
	return bundle, strings.TrimSpace(string(out)), err
}
