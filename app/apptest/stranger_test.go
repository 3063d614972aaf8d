package apptest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"strconv"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// job is a job that the story carries out itself, as a runner that is not ours.
type job struct {
	githubtest.Job
	token      string // the OIDC token that was shown last
	assignment runapi.Assignment
}

// begin: the newest workflow run's job, by hand
func begin(s *stage, args []string) error {
	if err := words(args, 0, 0, "begin"); err != nil {
		return err
	}
	run, err := newestRun(s)
	if err != nil {
		return err
	}
	s.job = job{}
	return s.GitHub.Ask("POST", fmt.Sprintf("runs/%d/begin", run.ID), nil, &s.job.Job)
}

// env reads the job's environment.
func (j job) env(name string) string {
	for _, kv := range j.Env {
		if value, ok := strings.CutPrefix(kv, name+"="); ok {
			return value
		}
	}
	return ""
}

// claim [token=same] [run=…] [nonce=…] [aud=…] [alg=…] [key=…] [CLAIM=VALUE|CLAIM=-]
//
// Claims the run with a token as the job could have it, but for what is given. It
// prints the status, and the code or the run.
func claim(s *stage, args []string) error {
	forged := githubtest.Forgery{Run: s.job.Run, Audience: s.Server.URL, Claims: map[string]any{}}
	request := runapi.ClaimRequest{Run: s.job.env("ANVIL_TASK"), Nonce: s.job.env("ANVIL_NONCE"), Runner: runapi.RunnerInfo{Name: "a stranger"}}
	same := false
	for _, arg := range args {
		key, value, _ := strings.Cut(arg, "=")
		switch key {
		case "token":
			same = value == "same"
		case "run":
			request.Run = value
		case "nonce":
			request.Nonce = value
		case "aud":
			forged.Audience = value
		case "alg":
			forged.Alg = value
		case "key":
			forged.Key = value
		case "exp", "iat", "nbf":
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				return err
			}
			forged.Claims[key] = n
		default:
			forged.Claims[key] = value
			if value == "-" {
				forged.Claims[key] = nil
			}
		}
	}
	if !same {
		var minted struct {
			Token string `json:"token"`
		}
		if err := s.GitHub.Ask("POST", "oidc/tokens", forged, &minted); err != nil {
			return err
		}
		s.job.token = minted.Token
	}
	var a runapi.Assignment
	if err := s.call("POST", runapi.PathClaim, s.job.token, "", request, &a); err != nil {
		return err
	}
	if a.LeaseToken != "" {
		s.job.assignment = a
		s.ts.Setenv("LEASE", a.LeaseToken)
		s.ts.Setenv("RUN", a.Run)
		s.ts.Setenv("BASE", a.BaseCommit)
		s.ts.Setenv("CLONE", a.Repository.CloneURL)
		fmt.Fprintln(s.ts.Stdout(), a.Run)
	}
	return nil
}

// call calls the runner's side of the server, and prints status and code.
func (s *stage) call(method, path, token, digest string, in, out any) error {
	body, ok := in.([]byte)
	if !ok {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	header := http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}}
	if digest != "" {
		header.Set(runapi.HeaderDigest, digest)
	}
	status, answer, err := s.send(method, path, header, body)
	if err != nil {
		return err
	}
	var refused runapi.Error
	if status >= 300 {
		if err := json.Unmarshal([]byte(answer), &refused); err != nil {
			return fmt.Errorf("%d %s: %w", status, answer, err)
		}
	} else if err := json.Unmarshal([]byte(answer), out); err != nil {
		return err
	}
	fmt.Fprintln(s.ts.Stdout(), status, refused.Code, refused.What)
	return nil
}

// lease renew|finish RESULT|propose FILE|restore NAME|keep KEY FILE|image KEY|login [head=SHA] [token=TEXT] [run=RUN]
//
// Acts for the claimed run. It prints status and code.
func useLease(s *stage, args []string) error {
	if err := words(args, 1, 5, "lease renew|finish RESULT|propose FILE|restore NAME|keep KEY FILE|image KEY|login [head=SHA] [token=TEXT] [run=RUN]"); err != nil {
		return err
	}
	a := s.job.assignment
	var what []string
	head := ""
	for _, arg := range args {
		switch key, value, option := strings.Cut(arg, "="); {
		case option && key == "head":
			head = value
		case option && key == "token":
			a.LeaseToken = value
		case option && key == "run":
			a.Run = value
		default:
			what = append(what, arg)
		}
	}
	path := func(pattern string) string { return strings.Replace(pattern, "{run}", a.Run, 1) }
	finish := runapi.FinishRequest{Answer: "I did it.", Verification: runapi.Verification{Status: runapi.VerifyUnverified, Reason: "a stranger's work"}}
	switch {
	case what[0] == "renew":
		return s.call("POST", path(runapi.PathRenew), a.LeaseToken, "", runapi.RenewRequest{Phase: "work"}, &runapi.RenewAnswer{})
	case what[0] == "restore" && len(what) == 2:
		return s.call("GET", strings.Replace(path(runapi.PathRestore), "{name}", what[1], 1), a.LeaseToken, "", []byte(nil), new(any))
	case what[0] == "login":
		return s.call("POST", path(runapi.PathRegistry), a.LeaseToken, "", struct{}{}, &runapi.RegistryCredential{})
	case what[0] == "image" && len(what) == 2:
		return s.call("GET", strings.Replace(path(runapi.PathImage), "{key}", what[1], 1), a.LeaseToken, "", []byte(nil), new(any))
	case what[0] == "keep" && len(what) == 3:
		image := []byte(s.ts.ReadFile(what[2]))
		sum := sha256.Sum256(image)
		kept := strings.Replace(path(runapi.PathImage), "{key}", what[1], 1)
		return s.call("PUT", kept, a.LeaseToken, "sha256:"+hex.EncodeToString(sum[:]), image, &runapi.ArtifactAnswer{})
	case what[0] == "finish" && len(what) == 2:
		finish.Result = runapi.Result(what[1])
	case what[0] == "propose" && len(what) == 2:
		bundle := []byte(s.ts.ReadFile(what[1]))
		sum := sha256.Sum256(bundle)
		finish.Result, finish.Head, finish.Bundle = runapi.Proposed, head, "sha256:"+hex.EncodeToString(sum[:])
		artifact := strings.Replace(path(runapi.PathArtifact), "{name}", runapi.ArtifactBundle, 1)
		if err := s.call("PUT", artifact, a.LeaseToken, finish.Bundle, bundle, &runapi.ArtifactAnswer{}); err != nil {
			return err
		}
	default:
		return errors.New("a lease does not know how to do that")
	}
	return s.call("POST", path(runapi.PathFinish), a.LeaseToken, "", finish, &runapi.FinishAnswer{})
}

// dispatch USER: the workflow by hand, with the inputs of its newest run
func dispatchByHand(s *stage, args []string) error {
	if err := words(args, 1, 1, "dispatch USER"); err != nil {
		return err
	}
	run, err := newestRun(s)
	if err != nil {
		return err
	}
	return s.GitHub.Ask("POST", "repositories/"+s.Repository+"/dispatches",
		map[string]any{"user": args[0], "workflow": "anvil.yml", "inputs": run.Inputs}, nil)
}

// start-run N: a command on issue 1 opens task N, and a stranger claims its run
func startRun(s *stage, args []string) error {
	if err := words(args, 1, 1, "start-run N"); err != nil {
		return err
	}
	for _, step := range []struct {
		do   func(*stage, []string) error
		args []string
	}{
		{comment, []string{"mona", "1", "/anvil say hello"}},
		{await, []string{"task", args[0], "dispatched"}},
		{begin, nil},
		{claim, nil},
	} {
		if err := step.do(s, step.args); err != nil {
			return err
		}
	}
	if s.job.assignment.LeaseToken == "" {
		return errors.New("the run could not be claimed")
	}
	return nil
}

// propose-made: hands over x.bundle, with what work has as its result as the head
func proposeMade(s *stage, args []string) error {
	head, err := exec.CommandContext(s.ctx, "git", "-C", s.ts.MkAbs("work"), "rev-parse", "refs/anvil/result").Output()
	if err != nil {
		return err
	}
	if err := useLease(s, []string{"propose", "x.bundle", "head=" + strings.TrimSpace(string(head))}); err != nil {
		return err
	}
	return s.GitHub.Ask("POST", fmt.Sprintf("runs/%d/complete", s.job.Run), map[string]string{"conclusion": "success"}, nil)
}
