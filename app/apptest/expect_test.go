package apptest

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// await task N STATE | file NAME | run CONCLUSION | log TEXT | comment TEXT | fault | comments N | runs N
func await(s *stage, args []string) error {
	if err := words(args, 1, 4, "await task N STATE | file NAME | run CONCLUSION | log TEXT | fault | comments N | runs N"); err != nil {
		return err
	}
	switch what := args[0]; {
	case what == "task" && (len(args) == 3 || len(args) == 4):
		n, err := strconv.Atoi(args[1])
		if err != nil {
			return err
		}
		if len(args) == 3 {
			return s.AwaitTask(s.ctx, n, anvil.State(args[2]))
		}
		return Await(s.ctx, func() error {
			t, err := s.Task(s.ctx, n)
			if err == nil && (string(t.State) != args[2] || fmt.Sprintf("attempt=%d", t.Attempt) != args[3]) {
				err = fmt.Errorf("task %d is %s, attempt=%d", n, t.State, t.Attempt)
			}
			return err
		})
	case what == "file" && len(args) == 2:
		return Await(s.ctx, func() error {
			_, err := os.Stat(s.ts.MkAbs(args[1]))
			return err
		})
	case what == "run" && len(args) == 2:
		return Await(s.ctx, func() error {
			run, err := newestRun(s)
			if err == nil && run.Status+run.Conclusion != "completed"+args[1] && run.Status != args[1] {
				err = fmt.Errorf("workflow run %d is %s %s", run.ID, run.Status, run.Conclusion)
			}
			return err
		})
	case what == "attempt" && len(args) == 2:
		return Await(s.ctx, func() error {
			run, err := newestRun(s)
			if err == nil && (run.Status != "completed" || strconv.Itoa(run.Attempt) != args[1]) {
				err = fmt.Errorf("workflow run %d is %s, attempt %d", run.ID, run.Status, run.Attempt)
			}
			return err
		})
	case what == "log" && len(args) == 2:
		return Await(s.ctx, func() error {
			if !strings.Contains(s.Server.Log(), args[1]) {
				return fmt.Errorf("the server's log has no %q", args[1])
			}
			return nil
		})
	case what == "comment" && len(args) == 2:
		return Await(s.ctx, func() error {
			all, err := s.BotComments()
			if err == nil && (len(all) == 0 || !strings.Contains(all[len(all)-1].Body, args[1])) {
				err = fmt.Errorf("the App's last comment has no %q", args[1])
			}
			return err
		})
	case what == "fault" && len(args) == 1:
		return s.GitHub.Ask("GET", fmt.Sprintf("faults/%d?wait=60s", s.last.fault), nil, nil)
	case len(args) >= 2:
		return Await(s.ctx, func() error { return count(s, args) })
	}
	return errors.New("there is nothing of that kind to wait for")
}

// decided DECISION [CODE]: the delivery of what was done last
func decided(s *stage, args []string) error {
	if err := words(args, 1, 2, "decided DECISION [CODE]"); err != nil {
		return err
	}
	if s.last.delivery == "" {
		return errors.New("the App was not told of what was done last")
	}
	decision, reason, err := s.AwaitRuling(s.ctx, s.last.delivery)
	if err != nil {
		return err
	}
	if string(decision) != args[0] || len(args) == 2 && !strings.HasPrefix(reason, args[1]+":") {
		return fmt.Errorf("delivery %s was %s: %s", s.last.delivery, decision, reason)
	}
	return nil
}

// problem N CODE: why a task ended, or is held
func problem(s *stage, args []string) error {
	if err := words(args, 2, 2, "problem N CODE"); err != nil {
		return err
	}
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	t, err := s.Task(s.ctx, n)
	if err != nil {
		return err
	}
	if t.Problem == nil || string(t.Problem.Code) != args[1] {
		return fmt.Errorf("task %d is %s%s", n, t.State, because(t.Problem))
	}
	return nil
}
