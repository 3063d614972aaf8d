package config

import (
	"errors"
	"strings"
	"testing"
)

func TestLinear(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		section string
		problem string // words of the one that is expected; empty: it loads
	}{
		"off":           {`linear: {client_id: ""}`, ""},
		"whole":         {`linear: {client_id: x, client_secret_file: webhook-secret, webhook_secret_file: webhook-secret, repositories: [{repository: acme/web, teams: [WEB]}], people: {0f5b6a3e-6f5f-4c0e-9d4e-2f6f0b1c2d3e: mona}}`, ""},
		"no secret":     {`linear: {client_id: x, webhook_secret_file: webhook-secret, repositories: [{repository: acme/web}]}`, "linear.client_secret"},
		"no file":       {`linear: {client_id: x, client_secret_file: nowhere, webhook_secret_file: webhook-secret, repositories: [{repository: acme/web}]}`, "there is no file"},
		"no repository": {`linear: {client_id: x, client_secret_file: webhook-secret, webhook_secret_file: webhook-secret}`, "linear.repositories"},
		"twice":         {`linear: {client_id: x, client_secret_file: webhook-secret, webhook_secret_file: webhook-secret, repositories: [{repository: acme/web}, {repository: Acme/Web}]}`, "linear.repositories[1]"},
		"by mail":       {`linear: {client_id: x, client_secret_file: webhook-secret, webhook_secret_file: webhook-secret, repositories: [{repository: acme/web}], people: {mona@acme.example: mona}}`, "linear.people"},
		"http":          {`linear: {client_id: x, client_secret_file: webhook-secret, webhook_secret_file: webhook-secret, api_url: "http://linear.example", repositories: [{repository: acme/web}]}`, "linear.api_url"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Load(place(t, least+c.section+"\n"))
			var problems Problems
			switch {
			case c.problem == "" && err != nil:
				t.Error(err)
			case c.problem != "" && (!errors.As(err, &problems) || len(problems) != 1 || problems[0].Code != CodeLinear || !strings.Contains(err.Error(), c.problem)):
				t.Errorf("it ended with %v", err)
			}
		})
	}
}
