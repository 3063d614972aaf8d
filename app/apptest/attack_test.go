package apptest

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/seed-bc0cc349/anvil/app"
	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// hook [sign=sha256|sha1|none|other|upper] [guid=new] [replace=OLD/NEW]
//
// Sends the webhook of what was done last, as an attacker would send it.
func hook(s *stage, args []string) error {
	d, err := lastDelivery(s)
	if err != nil {
		return err
	}
	body, guid, sign := []byte(d.Payload), d.GUID, "sha256"
	for _, arg := range args {
		key, value, _ := strings.Cut(arg, "=")
		switch key {
		case "sign":
			sign = value
		case "guid":
			guid = rand.Text()
		case "replace":
			before, after, _ := strings.Cut(value, "/")
			if !bytes.Contains(body, []byte(before)) {
				return fmt.Errorf("the payload has no %q", before)
			}
			body = bytes.ReplaceAll(body, []byte(before), []byte(after))
		default:
			return fmt.Errorf("a hook has no %s", key)
		}
	}
	header := http.Header{"Content-Type": {"application/json"}, "X-Github-Event": {d.Event}, "X-Github-Delivery": {guid}}
	sum := func(h func() hash.Hash, secret string) string {
		mac := hmac.New(h, []byte(secret))
		mac.Write(body)
		return hex.EncodeToString(mac.Sum(nil))
	}
	switch sign {
	case "sha256":
		header.Set("X-Hub-Signature-256", "sha256="+sum(sha256.New, webhookSecret))
	case "upper":
		header.Set("X-Hub-Signature-256", "sha256="+strings.ToUpper(sum(sha256.New, webhookSecret)))
	case "other":
		header.Set("X-Hub-Signature-256", "sha256="+sum(sha256.New, "another secret"))
	case "empty":
		header.Set("X-Hub-Signature-256", "sha256="+sum(sha256.New, ""))
	case "sha1":
		header.Set("X-Hub-Signature", "sha1="+sum(sha1.New, webhookSecret))
	case "none":
	default:
		return fmt.Errorf("signature %s is not known", sign)
	}
	status, answer, err := s.send("POST", app.PathHook, header, body)
	fmt.Fprintf(s.ts.Stdout(), "%d %s", status, answer)
	return err
}

func lastDelivery(s *stage) (githubtest.Delivery, error) {
	var all []githubtest.Delivery
	if err := s.GitHub.Ask("GET", "deliveries", nil, &all); err != nil {
		return githubtest.Delivery{}, err
	}
	i := slices.IndexFunc(all, func(d githubtest.Delivery) bool { return d.GUID == s.last.delivery })
	if i < 0 {
		return githubtest.Delivery{}, errors.New("the App was not told of what was done last")
	}
	// The control API spreads payloads out for people; the signature is over this.
	var compact bytes.Buffer
	if err := json.Compact(&compact, all[i].Payload); err != nil {
		return githubtest.Delivery{}, err
	}
	all[i].Payload = compact.Bytes()
	return all[i], nil
}

// send sends a request to the server.
func (s *stage) send(method, path string, header http.Header, body []byte) (int, string, error) {
	req, err := http.NewRequestWithContext(s.ctx, method, s.Server.URL+path, bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header = header
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	return res.StatusCode, string(answer), err
}

// redeliver N: the webhook of what was done last, N times at once
func redeliver(s *stage, args []string) error {
	if err := words(args, 1, 1, "redeliver N"); err != nil {
		return err
	}
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	d, err := lastDelivery(s)
	if err != nil {
		return err
	}
	header := http.Header{}
	for name, value := range d.Headers {
		header.Set(name, value)
	}
	var together sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		together.Go(func() {
			status, answer, err := s.send("POST", app.PathHook, header.Clone(), d.Payload)
			if err == nil && status != http.StatusOK && status != http.StatusAccepted {
				err = fmt.Errorf("%d %s", status, answer)
			}
			errs[i] = err
		})
	}
	together.Wait()
	return errors.Join(errs...)
}

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

// lease renew|finish RESULT|propose FILE [head=SHA] [token=TEXT] [run=RUN]
//
// Acts for the claimed run. It prints status and code.
func useLease(s *stage, args []string) error {
	if err := words(args, 1, 5, "lease renew|finish RESULT|propose FILE [head=SHA] [token=TEXT] [run=RUN]"); err != nil {
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
