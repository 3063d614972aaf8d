package apptest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
)

// github
func openGitHub(s *stage, args []string) error {
	if err := words(args, 0, 0, "github"); err != nil {
		return err
	}
	var err error
	s.World, err = NewWorld(s.ctx, programs, s.ts.Getenv("WORK"))
	return err
}

// repository OWNER/NAME [DIR] [bare]
func createRepository(s *stage, args []string) error {
	bare := len(args) > 0 && args[len(args)-1] == "bare"
	if bare {
		args = args[:len(args)-1]
	}
	if err := words(args, 1, 2, "repository OWNER/NAME [DIR] [bare]"); err != nil {
		return err
	}
	var dir string
	if len(args) == 2 {
		dir = s.ts.MkAbs(args[1])
	} else {
		dir = filepath.Join(s.Dir, ".world", "plain")
		for name, content := range map[string]string{
			"README.md":         "# A plain repository\n",
			".github/anvil.yml": "verify: test -s hello.txt\n",
		} {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
				return err
			}
		}
	}
	return s.CreateRepository(args[0], dir, bare)
}

// server [start|kill|stop] [SETTING=VALUE…]
func commandServer(s *stage, args []string) error {
	verb := "start"
	if len(args) > 0 && !strings.Contains(args[0], "=") {
		verb, args = args[0], args[1:]
	}
	switch verb {
	case "start":
		settings := maps.Clone(s.settings)
		if settings == nil {
			settings = Settings{}
		}
		for _, arg := range args {
			key, value, ok := strings.Cut(arg, "=")
			if !ok {
				return fmt.Errorf("%q is not SETTING=VALUE", arg)
			}
			settings[key] = value
		}
		return s.StartServer(s.ctx, []string{"sh", filepath.Join(s.Dir, "agent.sh")}, settings)
	case "kill":
		s.Server.Kill()
		return nil
	case "stop":
		return s.Server.Stop()
	}
	return fmt.Errorf("a server does not know how to %s", verb)
}

// runner kill
func commandRunner(s *stage, args []string) error {
	if err := words(args, 1, 1, "runner kill"); err != nil {
		return err
	}
	return s.killRunner()
}

// killRunner kills the runner that is at work, as a machine that is switched off.
func (w *World) killRunner() error {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return err
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		line, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if err != nil || !bytes.HasPrefix(line, []byte(w.Programs.Path("anvil-runner")+"\x00run\x00")) {
			continue
		}
		stat, err := os.ReadFile(filepath.Join("/proc", e.Name(), "stat"))
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		if fields := strings.Fields(rest); len(fields) > 1 && fields[1] == strconv.Itoa(w.GitHub.process.cmd.Process.Pid) {
			return syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	return errors.New("no runner is at work")
}

// spoil: damages what the server keeps of sessions
func spoil(s *stage, args []string) error {
	if err := words(args, 0, 0, "spoil"); err != nil {
		return err
	}
	n := 0
	err := s.kept(func(path string, content []byte) {
		if bytes.HasPrefix(content, []byte("age-encryption.org/")) {
			n++
			content[len(content)-1] ^= 1
			if err := os.WriteFile(path, content, 0o600); err != nil {
				s.ts.Fatalf("%v", err)
			}
		}
	})
	if err == nil && n == 0 {
		err = errors.New("the server keeps nothing of sessions")
	}
	return err
}

// runners hold|go
func commandRunners(s *stage, args []string) error {
	if err := words(args, 1, 1, "runners hold|go"); err != nil {
		return err
	}
	return s.GitHub.Ask("PUT", "runners", map[string]bool{"hold": args[0] == "hold"}, nil)
}

// limits POINTS CONTENT WINDOW_MS RETRY_AFTER: GitHub's secondary rate limits
func setLimits(s *stage, args []string) error {
	if err := words(args, 4, 4, "limits POINTS CONTENT WINDOW_MS RETRY_AFTER"); err != nil {
		return err
	}
	var n [4]int
	for i, arg := range args {
		var err error
		if n[i], err = strconv.Atoi(arg); err != nil {
			return err
		}
	}
	return s.GitHub.Ask("PUT", "limits", githubtest.Limits{Points: n[0], Content: n[1], ContentLong: 1000 * n[1], WindowMS: n[2], RetryAfter: n[3]}, nil)
}

// met checks that limits were met, and that nobody asked again before the time.
func metLimits(s *stage, args []string) error {
	if err := words(args, 0, 0, "limits-met"); err != nil {
		return err
	}
	var r githubtest.Refusals
	if err := s.GitHub.Ask("GET", "limits", nil, &r); err != nil {
		return err
	}
	if r.Refused == 0 || r.Early > 0 {
		return fmt.Errorf("%d requests were refused, and %d came before their time", r.Refused, r.Early)
	}
	return nil
}

// dispatches details|plain|old-ghes
func answerDispatches(s *stage, args []string) error {
	if err := words(args, 1, 1, "dispatches details|plain|old-ghes"); err != nil {
		return err
	}
	return s.GitHub.Ask("PUT", "dispatch", map[string]string{"mode": args[0]}, nil)
}

// fault METHOD PATH DO [after=N] [times=N] [status=N] [body=TEXT]
func setFault(s *stage, args []string) error {
	if err := words(args, 3, 7, "fault METHOD PATH DO [after=N] [times=N] [status=N] [body=TEXT]"); err != nil {
		return err
	}
	f := githubtest.Fault{Method: args[0], Path: args[1], Do: githubtest.Do(args[2])}
	for _, arg := range args[3:] {
		key, value, _ := strings.Cut(arg, "=")
		n, err := strconv.Atoi(value)
		switch key {
		case "after":
			f.After = n
		case "times":
			f.Times = n
		case "status":
			f.Status = n
		case "body":
			f.Body, err = value, nil
		default:
			err = fmt.Errorf("a fault has no %s", key)
		}
		if err != nil {
			return err
		}
	}
	if err := s.GitHub.Ask("POST", "faults", f, &f); err != nil {
		return err
	}
	s.last.fault = f.ID
	return nil
}

// release lets go of the last fault
func releaseFault(s *stage, args []string) error {
	if err := words(args, 0, 0, "release"); err != nil {
		return err
	}
	return s.GitHub.Ask("DELETE", fmt.Sprintf("faults/%d", s.last.fault), nil, nil)
}
