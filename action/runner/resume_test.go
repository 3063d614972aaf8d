package runner_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/action/runner"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// keeper is an agent that keeps its conversation: each time it adds what it was
// told to do to the conversation, and says all of it.
const keeper = `prompt=$(cat)
	mkdir -p "$HOME/conversation"
	echo "{\"event\":\"resume\",\"text\":\"thread-${ANVIL_RESUME:-new}\"}"
	echo "$prompt" | grep -e 'do:' >> "$HOME/conversation/thread.txt"
	echo secret > "$HOME/conversation/auth.json"
	git status --short >> "$HOME/conversation/thread.txt"
	cat "$HOME/conversation/thread.txt"
	echo "$prompt" | grep -e 'You go on'
	echo half >> good`

// handOn makes s the server of a later run, to which the earlier one's work goes.
func handOn(earlier, s *server) {
	r := &runapi.Resume{}
	s.left = map[string][]byte{}
	for name, about := range earlier.about {
		sum := sha256.Sum256(earlier.artifacts[name])
		digest := "sha256:" + hex.EncodeToString(sum[:])
		s.left[name] = earlier.artifacts[name]
		if name == runapi.ArtifactCheckpoint {
			r.Checkpoint, r.CheckpointHead = digest, about.Head
		} else {
			r.Conversation, r.Reference = digest, about.Reference
		}
	}
	s.assignment.Resume = r
}

// What a run leaves, the next one on another machine goes on from: the tree and
// the conversation.
func TestRunGoesOnFromAnEarlierOne(t *testing.T) {
	t.Parallel()
	first := newServer(t)
	first.assign(project, keeper)
	first.assignment.Prompt.Instruction = "do: JWT"
	if code := newMachine(t, first).run(); code != runner.HandedBack {
		t.Fatalf("exit code %d", code)
	}
	if first.about[runapi.ArtifactConversation].Reference != "thread-new" || first.about[runapi.ArtifactCheckpoint].Head != first.finish.Head {
		t.Fatalf("left: %+v", first.about)
	}

	second := newServer(t)
	second.git = first.git // the same repository
	second.assignment = first.assignment
	second.assignment.Repository.CloneURL = second.http.URL + "/git/r.git"
	second.assignment.Prompt.Instruction = "do: Passport"
	handOn(first, second)
	m := newMachine(t, second)
	if code := m.run(); code != runner.HandedBack {
		t.Fatalf("exit code %d", code)
	}
	story := second.story()
	for _, want := range []string{
		"engine.message do: JWT\n", "engine.message do: Passport\n", "engine.message ?? good\n",
		"engine.message You go on with the same conversation. The directory is as you left it",
	} {
		if !strings.Contains(story, want) {
			t.Errorf("the second run's story has no %q:\n%s", want, story)
		}
	}
	if n := strings.Count(story, "conversation/auth.json: files of that name"); n != 1 {
		t.Errorf("the credential file that was left out is told %d times", n)
	}
	if got := second.bundled()["good"]; got != "100644 half\nhalf" {
		t.Errorf("the second run's result has %q", got)
	}
	if second.about[runapi.ArtifactConversation].Reference != "thread-thread-new" {
		t.Errorf("left: %+v", second.about)
	}
	noCanaries(t, second, m)
}

// What is broken, gone or not what was promised costs a fresh start and a warning,
// never the run.
func TestRunWithBrokenArchives(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(s *server){
		"gone": func(s *server) { s.left = nil },
		"other bytes": func(s *server) {
			for name := range s.left {
				s.left[name] = []byte("nonsense")
			}
		},
		"nonsense": func(s *server) {
			sum := sha256.Sum256([]byte("nonsense"))
			s.assignment.Resume.Checkpoint = "sha256:" + hex.EncodeToString(sum[:])
			s.assignment.Resume.Conversation = s.assignment.Resume.Checkpoint
			for name := range s.left {
				s.left[name] = []byte("nonsense")
			}
		},
		"another head": func(s *server) {
			s.assignment.Resume.CheckpointHead = s.assignment.BaseCommit
			s.left[runapi.ArtifactConversation] = nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := newServer(t)
			first.assign(project, keeper)
			if code := newMachine(t, first).run(); code != runner.HandedBack {
				t.Fatalf("exit code %d", code)
			}
			s := newServer(t)
			s.git = first.git
			s.assignment = first.assignment
			s.assignment.Repository.CloneURL = s.http.URL + "/git/r.git"
			handOn(first, s)
			spoil(s)
			m := newMachine(t, s)
			if code := m.run(); code != runner.HandedBack || s.finish.Result != runapi.Proposed {
				t.Fatalf("exit code %d, %+v", code, s.finish)
			}
			if story := s.story(); strings.Count(story, "warning The ") != 2 || strings.Contains(story, "You go on") {
				t.Errorf("the story:\n%s", story)
			}
			if got := s.bundled()["good"]; got != "100644 half" {
				t.Errorf("the result has %q", got)
			}
			if s.about[runapi.ArtifactConversation].Reference != "thread-new" {
				t.Errorf("left: %+v", s.about)
			}
		})
	}
}

// A run whose agent has asked a person proposes nothing and checks nothing: it
// saves what there is, and ends.
func TestRunThatAsks(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.assign(project, keeper)
	s.assignment.Tools = true
	s.onRenew = func(int) (runapi.RenewAnswer, *runapi.Error) { return runapi.RenewAnswer{Waiting: true}, nil }
	m := newMachine(t, s)
	if code := m.run(); code != runner.HandedBack {
		t.Fatalf("exit code %d", code)
	}
	if f := s.finish; f.Result != runapi.Unchanged || f.Bundle != "" || s.artifacts[runapi.ArtifactBundle] != nil || len(f.Verification.Checks) > 0 {
		t.Errorf("finish: %+v", f)
	}
	if s.unpacked(runapi.ArtifactCheckpoint)["good"] != "100644 half" || s.about[runapi.ArtifactConversation].Reference != "thread-new" {
		t.Errorf("left: %+v", s.about)
	}
	noCanaries(t, s, m)
}

// While the agent works, what it has done so far is saved again and again, the
// reference as soon as it is known.
func TestRunSavesWhileTheAgentWorks(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.assign(project, `cat > /dev/null
		mkdir "$HOME/conversation"
		echo '{"event":"resume","text":"thread-1"}'
		echo half > good
		echo one > "$HOME/conversation/thread"
		while [ ! -e "$DIR/both" ]; do sleep 0.01; done
		echo more >> good
		echo two > "$HOME/conversation/thread"
		while [ ! -e "$DIR/again" ]; do sleep 0.01; done`)
	s.assignment.Engine.PassEnv = []string{"DIR"}
	s.assignment.Limits.CheckpointSeconds = 1
	dir := t.TempDir()
	m := newMachine(t, s)
	m.config.Environ = append(m.config.Environ, "DIR="+dir)
	tell := func(name string) {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Error(err)
		}
	}
	saved := map[string]int{}
	var first map[string]string
	s.onArtifact = func(name string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		saved[name]++
		if saved[runapi.ArtifactCheckpoint] == 0 || saved[runapi.ArtifactConversation] == 0 || s.about[runapi.ArtifactConversation].Reference == "" {
			return
		}
		if first == nil {
			first = map[string]string{name: s.about[runapi.ArtifactCheckpoint].Head}
			tell("both")
		} else if s.about[runapi.ArtifactCheckpoint].Head != first[name] {
			tell("again")
		}
	}
	if code := m.run(); code != runner.HandedBack {
		t.Fatalf("exit code %d", code)
	}
	if s.about[runapi.ArtifactConversation].Reference != "thread-1" || s.unpacked(runapi.ArtifactCheckpoint)["good"] != "100644 half\nmore" {
		t.Errorf("left: %+v", s.about)
	}
	noCanaries(t, s, m)
}
