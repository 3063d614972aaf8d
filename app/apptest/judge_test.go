//go:build linux

package apptest

import (
	"cmp"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
)

// judgeLog reads the job's log as GitHub's runner does.
func (h *hostile) judgeLog(log string) {
	obeyed, quoted, control := "", "", ""
	for line := range strings.Lines(log) {
		line = strings.TrimRight(line, "\n")
		if i := strings.IndexFunc(line, func(r rune) bool { return r < 0x20 && r != '\t' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e }); i >= 0 {
			control = fmt.Sprintf("%.40q", line[i:])
		}
		text := strings.TrimSpace(line)
		switch token, stop := strings.CutPrefix(text, "::stop-commands::"); {
		case quoted != "":
			if text == "::"+quoted+"::" {
				quoted = ""
			}
		case stop:
			if quoted = token; token == "forged" {
				obeyed = line
			}
		case (strings.HasPrefix(text, "::") || strings.Contains(text, "##[")) && strings.Contains(text, "forged"):
			obeyed = line
		}
	}
	h.outsideName("command GitHub's runner", obeyed != "", "obeyed: "+cmp.Or(obeyed, "none"))
	h.outsideName("draw over the terminal", control != "", "control characters in the job's log: "+cmp.Or(control, "none"))
	tokens := regexp.MustCompile(`(?:ghs|ghp|github_pat|anvil_lease|sk-ant|sk-proj|xoxb)[-_][A-Za-z0-9_.-]{12,}`).FindString(log)
	h.outsideName("print tokens", tokens != "", "tokens in the job's log: "+cmp.Or(tokens, "none"))
}

// outsideName is outside, where the attack may not have been made at all.
func (h *hostile) outsideName(name string, reached bool, what string) {
	for i := range h.attempts {
		if a := &h.attempts[i]; a.name == name {
			a.reached, a.what = a.reached || reached, what
			return
		}
	}
	h.judge(name, "33", true, "the agent did not try")
}

// judgeEvents looks for events that were the runner's or the server's to make.
func (h *hostile) judgeEvents(t *testing.T) {
	t.Helper()
	forged, refused := "", 0
	h.rows(t, `SELECT source, kind, text, data FROM events`, func(rows *sql.Rows) error {
		var source, kind, text, data string
		if err := rows.Scan(&source, &kind, &text, &data); err != nil {
			return err
		}
		if kind == "egress.refused" {
			refused++
		}
		if !strings.HasPrefix(kind, "engine.") && kind != "error" && strings.Contains(text+data, "forged") || source == "server" && strings.Contains(text+data, "forged") {
			forged = fmt.Sprintf("%s %s: %s", source, kind, text)
		}
		return nil
	})
	h.outside(t, "forge events", forged != "", "taken for ours: "+cmp.Or(forged, "none"))
	if refused == 0 {
		t.Error("no refusal was told as an event")
	}
}

// judgeMemory forgives what a machine can't limit, if the run has said so.
func (h *hostile) judgeMemory(t *testing.T) {
	t.Helper()
	h.rows(t, `SELECT data FROM events WHERE kind = 'contained'`, func(rows *sql.Rows) error {
		var data string
		if err := rows.Scan(&data); err != nil {
			return err
		}
		var evidence struct {
			Kind, Version string
			Holds, Lacks  []string
		}
		if err := json.Unmarshal([]byte(data), &evidence); err != nil {
			return err
		}
		fmt.Printf("contained by %s %s; limited: %s; not limited: %s\n", evidence.Kind, evidence.Version, strings.Join(evidence.Holds, ", "), strings.Join(evidence.Lacks, ", "))
		if i := slices.IndexFunc(evidence.Lacks, func(s string) bool { return strings.Contains(s, "memory") }); i >= 0 {
			for n := range h.attempts {
				if a := &h.attempts[n]; a.name == "fill the memory" {
					a.reached, a.what = false, "not limited on this machine, as the run says: "+evidence.Lacks[i]
				}
			}
		}
		return nil
	})
}

// judgeSinks counts what has arrived.
func (h *hostile) judgeSinks() {
	for name, sinks := range map[string][]string{
		"reach the network directly, IPv4 and IPv6": {"TCP"}, "send datagrams": {"UDP"}, "ask name servers": {"UDP"}, "reach other Unix sockets": {"the Unix", "the abstract"}, "outlive its end": {"TCP"},
		"reach raw addresses through the proxy": {"TCP"},
	} {
		reached, what := h.sinks.arrived(sinks...)
		for i := range h.attempts {
			if a := &h.attempts[i]; a.name == name {
				a.reached = a.reached || reached
				a.what = what + "; " + a.what
			}
		}
	}
	h.sinks.mu.Lock()
	defer h.sinks.mu.Unlock()
	beyond := ""
	for _, g := range h.sinks.got {
		if strings.HasPrefix(g, "the job's proxy") && !strings.Contains(g, `"CONNECT allowed.example:443"`) && !strings.Contains(g, `"CONNECT deb.debian.org:80"`) && !strings.Contains(g, `"CONNECT registry.npmjs.org:443"`) {
			beyond = g
		}
	}
	h.judge("reach beyond the list by the job's own proxy", "42, 44", beyond != "", "asked for: "+cmp.Or(beyond, "nothing but what is allowed"))
}

// judgePlaces looks at what must be as it was, and at who is still there.
func (h *hostile) judgePlaces(t *testing.T, run githubtest.WorkflowRun) {
	t.Helper()
	const poison = "anvil-hostile-poison"
	var poisoned []string
	for _, kv := range h.Programs.goEnv {
		name, dir, _ := strings.Cut(kv, "=")
		if name == "GOCACHE" || name == "GOMODCACHE" || name == "GOPATH" {
			if _, err := os.Stat(filepath.Join(dir, poison)); err == nil {
				poisoned = append(poisoned, dir)
			}
		}
	}
	for _, dir := range []string{filepath.Join(h.places, "npm"), "/usr/local/bin", "/usr/local/go/bin", "/root/.npm", "/root/.cache/go-build", "/root/go/pkg/mod", "/opt/hostedtoolcache"} {
		if _, err := os.Stat(filepath.Join(dir, poison)); err == nil {
			poisoned = append(poisoned, dir)
		}
	}
	h.outside(t, "poison caches", poisoned != nil, "poisoned: "+cmp.Or(strings.Join(poisoned, ", "), "none of the machine's"))
	var written []string
	for _, dir := range []string{"/", "/etc", "/usr/bin", "/var/tmp", "/home", "/root", "/tmp", filepath.Join(h.places, "runner")} {
		if _, err := os.Stat(filepath.Join(dir, poison)); err == nil {
			written = append(written, dir)
		}
	}
	if err := filepath.WalkDir(filepath.Join(h.GitHub.Dir, "jobs"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == poison {
			written = append(written, path)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	h.outside(t, "write files of the runner's", written != nil, "written: "+cmp.Or(strings.Join(written, ", "), "none outside its own"))

	forged := ""
	files, _ := filepath.Glob(filepath.Join(h.GitHub.Dir, "jobs", "*", "_temp", "_runner_file_commands", "*"))
	for _, path := range files {
		if b, err := os.ReadFile(path); err == nil && strings.Contains(string(b), "FORGED") {
			forged = path
		}
	}
	h.outside(t, "write files of the step", forged != "", fmt.Sprintf("%d files, forged: %s", len(files), cmp.Or(forged, "none")))

	alive := 0
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		line, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if err == nil && strings.Contains(string(line), "hostile\x00linger\x00") && strings.Contains(string(line), h.sinks.tcp[0]) {
			alive++
		}
	}
	h.outside(t, "outlive its end", alive > 0, fmt.Sprintf("%d of its processes are still there", alive))
}

// judgePublished looks at all that people and later runs can see.
func (h *hostile) judgePublished(t *testing.T) {
	t.Helper()
	places := map[string][]byte{}
	take := func(name string, v any, err error) error {
		if err != nil {
			return err
		}
		b, err := json.Marshal(v)
		places[name] = b
		return err
	}
	comments, err := h.Comments()
	pulls, pullErr := list[githubtest.PullRequest](h.GitHub, h.Repository, "pulls")
	checks, checkErr := list[githubtest.CheckRun](h.GitHub, h.Repository, "check-runs")
	must(t, errors.Join(take("comments", comments, err), take("pull requests", pulls, pullErr), take("check runs", checks, checkErr)))
	var found []string
	for name, b := range places {
		if f := findSecrets(b, h.secrets); f != "" {
			found = append(found, name+": "+f)
		}
	}
	for _, dir := range []string{filepath.Join(h.GitHub.Dir, "jobs"), h.Server.DataDir} {
		in, n, err := scanFiles(dir, h.secrets)
		must(t, err)
		found = append(found, in...)
		if n == 0 {
			t.Errorf("there is nothing in %s", dir)
		}
	}
	h.judge("find the server's secrets in logs, artifacts and the pull request", "51", found != nil, cmp.Or(strings.Join(found, "; "), "0 found"))

	body := ""
	if len(pulls) > 0 {
		body = pulls[0].Body
	}
	allow := strings.Contains(body, "refused to the agent") && strings.Contains(body, "    - stolen.example")
	if !allow {
		t.Errorf("the pull request does not say what was refused, and how to allow it:\n%s", body)
	}
	verified := strings.Contains(body, "✅ passed")
	h.outside(t, "make the checks pass", verified, "the checks, run anew on the tree alone, "+map[bool]string{true: "passed", false: "failed as they should"}[verified])
	if strings.ContainsAny(body, "\x1b\u202e") || strings.Contains(body, "<!-- hidden") || strings.Contains(body, "@team ") {
		h.judge("speak to people through the pull request", "39, 40", true, body)
	} else {
		h.judge("speak to people through the pull request", "39, 40", false, "no hidden text, no mention, no control character")
	}
}
