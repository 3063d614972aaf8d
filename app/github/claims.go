package github

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Claims is what a verified token says about the job that asked for it. The
// subject is left out on purpose: its text has changed shape before, and every
// part of it is here on its own.
type Claims struct {
	JTI       string // names this token; accept it once
	ExpiresAt time.Time

	RepositoryID      int64
	Repository        string // OWNER/NAME
	WorkflowRef       string // OWNER/NAME/.github/workflows/FILE@REF of the workflow that was started
	WorkflowSHA       string // may be empty on older Enterprise Servers, as the next two
	JobWorkflowRef    string // as WorkflowRef, of the workflow that the job is written in
	JobWorkflowSHA    string
	EventName         string
	RunID             int64
	RunAttempt        int
	RunnerEnvironment string // github-hosted or self-hosted
	Public            bool   // everybody may read the repository
	Ref               string
	SHA               string
	Environment       string // empty unless the job names one
	ActorID           int64
}

// claims checks who issued the token, for whom and when, and reads the rest.
func (v *Verifier) claims(f map[string]json.RawMessage) (Claims, error) {
	r := &reader{fields: f}
	if iss := r.text("iss"); r.problem == nil && iss != v.issuer {
		return Claims{}, ClaimProblem("iss", iss, v.issuer)
	}
	if aud := r.audience(); r.problem == nil && aud != v.audience {
		return Claims{}, ClaimProblem("aud", aud, v.audience)
	}
	exp, iat := r.time("exp"), r.time("iat")
	nbf := iat
	if _, ok := f["nbf"]; ok {
		nbf = r.time("nbf")
	}
	if r.problem == nil {
		if p := timely(v.now(), exp, nbf, iat); p != nil {
			return Claims{}, p
		}
	}
	c := Claims{
		JTI: r.text("jti"), ExpiresAt: exp,
		RepositoryID: r.number("repository_id"), Repository: r.text("repository"),
		WorkflowRef: r.text("workflow_ref"), WorkflowSHA: r.optional("workflow_sha"),
		JobWorkflowRef: r.optional("job_workflow_ref"), JobWorkflowSHA: r.optional("job_workflow_sha"),
		EventName: r.text("event_name"), RunID: r.number("run_id"), RunAttempt: int(r.number("run_attempt")),
		RunnerEnvironment: r.text("runner_environment"), Public: r.optional("repository_visibility") == "public",
		Ref: r.text("ref"), SHA: r.text("sha"), Environment: r.optional("environment"),
		ActorID: r.number("actor_id"),
	}
	if r.problem != nil {
		return Claims{}, r.problem
	}
	return c, nil
}

// timely compares a token's times with now.
func timely(now, exp, nbf, iat time.Time) *anvil.Problem {
	late := func(what string, args ...any) *anvil.Problem {
		return anvil.Problemf(CodeOIDCTime, "Ask for a new token right before using it; check the clocks of the server and of GitHub", what, args...)
	}
	switch {
	case !now.Before(exp.Add(timeLeeway)):
		return late("the OIDC token expired %s ago", now.Sub(exp).Round(time.Second))
	case now.Before(nbf.Add(-timeLeeway)):
		return late("the OIDC token is not valid for another %s", nbf.Sub(now).Round(time.Second))
	case now.Before(iat.Add(-timeLeeway)):
		return late("the OIDC token was issued %s in the future", iat.Sub(now).Round(time.Second))
	case exp.Sub(iat) > maxLife || exp.Before(iat):
		return late("the OIDC token lives for %s, at most %s", exp.Sub(iat), maxLife)
	}
	return nil
}

// reader reads claims and keeps the first problem.
type reader struct {
	fields  map[string]json.RawMessage
	problem *anvil.Problem
}

func (r *reader) fail(name, got, expected string) {
	if r.problem == nil {
		r.problem = ClaimProblem(name, got, expected)
	}
}

// text reads a claim that must be there and must not be empty.
func (r *reader) text(name string) string {
	s := r.optional(name)
	if s == "" {
		r.fail(name, "", "a text")
	}
	return s
}

func (r *reader) optional(name string) string {
	raw, ok := r.fields[name]
	if !ok || string(raw) == "null" {
		return ""
	}
	var s string
	if json.Unmarshal(raw, &s) != nil || len(s) > 1024 {
		r.fail(name, string(raw), "a text of at most 1024 bytes")
		return ""
	}
	return s
}

// number reads an id. GitHub writes them as texts.
func (r *reader) number(name string) int64 {
	s := r.text(name)
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 || strconv.FormatInt(n, 10) != s {
		r.fail(name, s, "a number above zero")
		return 0
	}
	return n
}

func (r *reader) time(name string) time.Time {
	var n float64
	raw := r.fields[name]
	if json.Unmarshal(raw, &n) != nil || n < 1 || n > math.MaxInt32*4 {
		r.fail(name, string(raw), "a time in seconds")
		return time.Time{}
	}
	return time.Unix(int64(n), 0)
}

// audience reads aud, which may be a text or a list of exactly one.
func (r *reader) audience() string {
	raw := r.fields["aud"]
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return one
	}
	var list []string
	if json.Unmarshal(raw, &list) == nil && len(list) == 1 {
		return list[0]
	}
	r.fail("aud", string(raw), "a single audience")
	return ""
}

// rawPayload keeps a token's content as it was signed.
type rawPayload []byte

func (p *rawPayload) UnmarshalJSON(b []byte) error {
	*p = bytes.Clone(b)
	return nil
}

// uniqueFields reads a JSON object and refuses a name that appears twice: two
// readers could take different ones.
func uniqueFields(b []byte) (map[string]json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("not an object")
	}
	fields := map[string]json.RawMessage{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, _ := t.(string)
		if _, twice := fields[name]; twice {
			return nil, fmt.Errorf("%q appears twice", clean(name, 60))
		}
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return nil, err
		}
		fields[name] = v
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("something follows the object")
	}
	return fields, nil
}
