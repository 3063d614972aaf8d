package runner_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/action/runner"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// hostile carries attacks out as code. $CANARY is a file that appears if one of
// the programs it plants is run by somebody else than the agent; $STEP is the
// directory of the step's files.
const hostile = `cat > /dev/null
	# Print whatever the environment holds, plain and hidden, to both outputs.
	env; env >&2; env | base64 -w0; echo
	cat /proc/self/environ /proc/$PPID/environ | tr '\0' '\n' | grep -a 'canary-' && exit 8
	# Speak to GitHub's runner.
	for c in 'add-mask::x' 'set-output name=a::b' 'set-env name=A::b' 'error::forged' 'stop-commands::mine' 'group::forged' 'warning::forged' 'add-path::/tmp'; do
		echo "::$c"; echo "  ::$c"; printf 'x\r::%s\n' "$c"; echo "##[$c]"; printf '\033[2K::%s\n' "$c"
	done
	printf '{"event":"command","argv":["x"],"exit":0,"output":"::error::forged\\n##[error]forged"}\n'
	printf '{"event":"message","text":"a\\n::error::forged"}\n'
	printf '\033]8;;http://evil\007link\033]8;;\007 \033[31mred\033[0m \302\233 \342\200\256\n'
	# Plant programs in its own git and in ours.
	printf '#!/bin/sh\ntouch "%s"\n' "$CANARY" > "$CANARY.sh"; chmod +x "$CANARY.sh"; P="$CANARY.sh"
	plant() {
		git -C "$1" config core.fsmonitor "$P"; git -C "$1" config core.hooksPath "$2"
		git -C "$1" config filter.evil.clean "$P"; git -C "$1" config filter.evil.smudge "$P"; git -C "$1" config filter.evil.required true
		git -C "$1" config diff.external "$P"; git -C "$1" config core.sshCommand "$P"; git -C "$1" config core.pager "$P"
		git -C "$1" config gpg.program "$P"; git -C "$1" config commit.gpgSign true; git -C "$1" config credential.helper "$P"
	}
	mkdir -p hooks; for h in pre-commit post-checkout post-commit post-index-change reference-transaction; do cp "$P" hooks/$h; done
	plant . "$PWD/hooks"
	for g in ../../base.git ../repository.git; do plant "$g" "$PWD/hooks"; mkdir -p "$g/hooks"; cp hooks/* "$g/hooks/"; echo '* filter=evil' > "$g/info/attributes"; done
	echo '* filter=evil diff=evil' > .gitattributes
	mkdir -p "$HOME/.config/git"; git config --file "$HOME/.gitconfig" core.fsmonitor "$P"; cp "$HOME/.gitconfig" "$HOME/.config/git/config"
	# Repositories inside the tree, by several names.
	for d in inner/one .GIT nested; do mkdir -p "$d"; git init -q "$d" 2>/dev/null; done
	(cd inner/one && git -c user.name=x -c user.email=x@x commit -q --allow-empty -m x); plant inner/one "$PWD/hooks" ; rm -f "$PWD/nested/x"
	# Things that are no files, and links that lead out.
	mkfifo pipe; ln -s /etc/passwd link; ln -s / root; mkdir closed; echo hidden > closed/f; chmod 000 closed
	# The files through which a step changes the next.
	for f in ENV PATH OUTPUT STATE STEP_SUMMARY; do echo 'FORGED=1' >> "$STEP/$f"; done
	rm "$STEP/PATH"; mkfifo "$STEP/PATH"; ln -sf "$STEP/PATH" "$STEP/STATE"
	# Stay behind.
	setsid sh -c 'sleep 1000' & echo $! > "$PIDFILE"
	(setsid sh -c 'while :; do echo tampered > late; sleep 0.01; done' &) 
	echo '{"event":"answer","text":"::error::forged \u001b[31mred ` + leaseToken + `"}'
	# Its own git has run some of that, which is its own business; from here on it is ours.
	[ -e "$CANARY" ] || exit 7
	rm -f "$CANARY"
	echo ok > good`

func TestRunHostileAgent(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.assign(project, hostile)
	s.assignment.Engine.PassEnv = []string{"CANARY", "PIDFILE", "STEP", "GITHUB_TOKEN", "INPUT_SECRET", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "anvil_nonce"}
	m := newMachine(t, s)
	dir := t.TempDir()
	canary, pidFile := filepath.Join(dir, "canary"), filepath.Join(dir, "pid")
	m.config.Environ = append(m.config.Environ, "CANARY="+canary, "PIDFILE="+pidFile,
		"STEP="+filepath.Dir(m.config.Getenv("GITHUB_ENV")), "anvil_nonce="+nonce)
	if code := m.run(); code != runner.HandedBack || s.finish.Result != runapi.Proposed {
		t.Fatalf("exit code %d, finish %+v", code, s.finish)
	}

	if _, err := os.Stat(canary); err == nil {
		t.Error("a program that the agent planted was run after it had ended")
	}
	noCanaries(t, s, m)
	if !processGone(t, pidFile) {
		t.Error("a process that the agent left behind is still there")
	}

	// Nothing that it printed is a command: outside the markers and the runner's
	// own commands no line looks like one.
	token := ""
	for line := range strings.Lines(m.out.String()) {
		line = strings.TrimRight(line, "\n")
		if strings.ContainsAny(line, "\r\x1b\u009b\u202e") {
			t.Errorf("control characters in the log: %q", line)
		}
		if strings.Contains(line, "##[") {
			t.Errorf("an old-style command in the log: %q", line)
		}
		after, isStop := strings.CutPrefix(line, "::stop-commands::")
		switch {
		case token == "" && isStop:
			token = after
		case token != "" && line == "::"+token+"::":
			token = ""
		case token != "" && !strings.HasPrefix(line, "| "):
			t.Errorf("a line of the agent without its bar: %q", line)
		case token == "" && strings.Contains(line, "forged") && !strings.HasPrefix(line, "::warning::"):
			t.Errorf("a line of the agent outside the markers: %q", line)
		case token == "" && strings.HasPrefix(line, "::error"):
			t.Errorf("a forged error: %q", line)
		}
	}

	// The result is the plain files, whatever git said about them.
	files := s.bundled()
	if files["good"] != "100644 ok" || files["link"] != "120000 /etc/passwd" || files["root"] != "120000 /" || files["closed/f"] != "100644 hidden" {
		t.Errorf("files: %v", files)
	}
	for name, text := range files {
		if strings.HasPrefix(text, "160000") || strings.Contains(strings.ToLower(name), ".git/") || name == "pipe" {
			t.Errorf("the result has %s %q", name, text)
		}
	}

	// The step's files are as they were, but for what the runner says itself.
	for _, name := range []string{"GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_STEP_SUMMARY"} {
		if strings.Contains(m.file(name), "FORGED") {
			t.Errorf("%s was changed by the agent", name)
		}
	}
	finish, err := json.Marshal(s.finish)
	if err != nil || strings.Contains(string(finish), `\u001b`) {
		t.Errorf("control characters in the answer: %s %v", finish, err)
	}
}
