package githubtest

import (
	"encoding/json"
	"net/http"
	"strings"
)

func (s *Server) controlActions(mux *http.ServeMux) {
	on(mux, "PUT /_sim/dispatch", func(_ *http.Request, in struct {
		Mode DispatchMode `json:"mode"`
	}) (any, error) {
		return nil, s.setDispatchMode(in.Mode)
	})
	on(mux, "PUT /_sim/limits", func(_ *http.Request, in struct {
		GitHubs bool `json:"github"` // those of github.com
		Limits
	}) (any, error) {
		if in.GitHubs {
			in.Limits = GitHubsLimits
		}
		s.SetLimits(in.Limits)
		return nil, nil
	})
	on(mux, "GET /_sim/limits", func(*http.Request, none) (any, error) { return s.Refusals(), nil })
	on(mux, "PUT /_sim/runners", func(_ *http.Request, in struct {
		Hold bool `json:"hold"`
	}) (any, error) {
		s.HoldRunners(in.Hold)
		return nil, nil
	})
	on(mux, "POST /_sim/repositories/{owner}/{repo}/job-tokens", func(r *http.Request, permissions map[string]string) (any, error) {
		token, err := s.JobToken(r.PathValue("owner")+"/"+r.PathValue("repo"), permissions)
		return obj{"token": token}, err
	})
	on(mux, "POST /_sim/repositories/{owner}/{repo}/dispatches", func(r *http.Request, in struct {
		User     string                     `json:"user"`
		Workflow string                     `json:"workflow"`
		Ref      string                     `json:"ref"`
		Inputs   map[string]json.RawMessage `json:"inputs"`
	}) (any, error) {
		repo, user, err := s.whereAndWho(r, in.User)
		if err != nil {
			return nil, err
		}
		return s.startRun(repo, user, in.Workflow, in.Ref, in.Inputs)
	})
	const one = "/_sim/runs/{run}"
	on(mux, "GET "+one, func(r *http.Request, _ none) (any, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if run := s.runs[pathInt(r, "run")]; run != nil {
			return run.WorkflowRun, nil
		}
		return nil, notFound("workflow run %d", pathInt(r, "run"))
	})
	on(mux, "GET "+one+"/log", func(r *http.Request, _ none) (any, error) {
		return obj{"log": strings.Split(s.WorkflowJobLog(pathInt(r, "run")), "\n")}, nil
	})
	on(mux, "POST "+one+"/begin", func(r *http.Request, _ none) (any, error) { return s.beginJob(pathInt(r, "run")) })
	on(mux, "POST "+one+"/complete", func(r *http.Request, in struct {
		Conclusion string `json:"conclusion"`
	}) (any, error) {
		return nil, s.completeJob(pathInt(r, "run"), in.Conclusion)
	})
	on(mux, "POST "+one+"/cancel", func(r *http.Request, in struct {
		Force bool `json:"force"`
	}) (any, error) {
		return nil, s.cancelRun(pathInt(r, "run"), in.Force)
	})
	on(mux, "POST "+one+"/rerun", func(r *http.Request, _ none) (any, error) { return s.rerun(pathInt(r, "run")) })
	on(mux, "POST /_sim/oidc/tokens", func(_ *http.Request, in Forgery) (any, error) {
		token, err := s.mintOIDC(in)
		return obj{"token": token}, err
	})
	on(mux, "POST /_sim/oidc/rotate", func(_ *http.Request, in struct {
		Keep bool `json:"keep"`
	}) (any, error) {
		return nil, s.issuer.rotate(in.Keep)
	})
	on(mux, "POST /_sim/deliveries", func(_ *http.Request, in struct {
		App     int64           `json:"app"`
		Event   string          `json:"event"`
		GUID    string          `json:"guid"`
		Payload json.RawMessage `json:"payload"`
	}) (any, error) {
		return s.deliver(in.App, in.Event, in.Payload, in.GUID)
	})
	on(mux, "POST /_sim/deliveries/{delivery}/attempts", func(r *http.Request, _ none) (any, error) {
		return s.redeliverByID(pathInt(r, "delivery"), 0)
	})
}
