package config

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Linear makes this server an agent of a Linear workspace: issues can be delegated to it
// there, and it can be mentioned.
type Linear struct {
	// ClientID is the client id of the OAuth application in Linear's settings, which must
	// have client credentials enabled. Default: empty, which means no Linear; the rest of
	// this section is then ignored.
	ClientID string `yaml:"client_id"`

	// ClientSecretFile is a file whose one line is the application's client secret.
	// Required, unless ClientSecretEnv is given; not both. Mode 0600.
	ClientSecretFile string `yaml:"client_secret_file"`

	// ClientSecretEnv names the environment variable that holds the client secret.
	ClientSecretEnv string `yaml:"client_secret_env"`

	// WebhookSecretFile is a file whose one line is the signing secret of the
	// application's webhooks, which call PublicURL/api/linear/hook. Required, unless
	// WebhookSecretEnv is given; not both. Mode 0600.
	WebhookSecretFile string `yaml:"webhook_secret_file"`

	// WebhookSecretEnv names the environment variable that holds the signing secret.
	WebhookSecretEnv string `yaml:"webhook_secret_env"`

	// APIURL is the address of Linear's API. Default: https://api.linear.app.
	APIURL string `yaml:"api_url"`

	// Repositories says which repository an issue is about. Required. Where it fits none
	// or several, whoever asked is asked which of these it is.
	Repositories []LinearRepository `yaml:"repositories"`

	// People says who somebody is at GitHub, by their user id in Linear: that of the
	// person's answer when they are not known. Default: empty. Whoever is not in it is who
	// Linear says, if they have connected their GitHub account there, because Linear asked
	// GitHub for it; others are not heard. A name in a profile or an address of mail
	// never counts. What somebody may do is asked of GitHub each time.
	People map[string]string `yaml:"people"`

	// ReviewState is the name of the state into which an issue is moved when its pull
	// request is ready. Default: empty, which means the team's first started state with
	// the word review in its name, and if there is none, no move.
	ReviewState string `yaml:"review_state"`
}

// LinearRepository is a repository with the issues that are about it. An issue of one of
// its projects is, whatever its team; else an issue of one of its teams.
type LinearRepository struct {
	// Repository is OWNER/NAME. Required. The App must be installed there.
	Repository string `yaml:"repository"`

	// Projects are names of projects. Default: none.
	Projects []string `yaml:"projects"`

	// Teams are keys of teams, such as WEB in WEB-12. Default: none.
	Teams []string `yaml:"teams"`
}

var (
	linearID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	login    = regexp.MustCompile(`^[A-Za-z0-9](-?[A-Za-z0-9]){0,38}(_[A-Za-z0-9]+)?$`)
)

func (c *Config) checkLinear(ps *Problems) {
	l := c.Linear
	if l.ClientID == "" {
		return
	}
	oneSource(ps, CodeLinear, "linear.client_secret", l.ClientSecretFile, l.ClientSecretEnv)
	oneSource(ps, CodeLinear, "linear.webhook_secret", l.WebhookSecretFile, l.WebhookSecretEnv)
	if wrong := wrongURL(l.APIURL, false); wrong != "" {
		ps.add(CodeLinear, "linear.api_url", "Leave it out, or write https://api.linear.app", "%q %s", withoutUser(l.APIURL), wrong)
	}
	if len(l.Repositories) == 0 {
		ps.add(CodeLinear, "linear.repositories", "List the repositories that issues can be about", "missing")
	}
	var names []string
	for i, r := range l.Repositories {
		if name := strings.ToLower(r.Repository); !fullName.MatchString(r.Repository) || slices.Contains(names, name) {
			ps.add(CodeLinear, fmt.Sprintf("linear.repositories[%d].repository", i), "Write OWNER/NAME, each once", "%q is not a repository, or is there before", shown(r.Repository))
		} else {
			names = append(names, name)
		}
	}
	for id, who := range l.People {
		if !linearID.MatchString(id) {
			ps.add(CodeLinear, "linear.people", "Use the user's id in Linear, which Anvil's answer to them names; names and addresses can be changed by their owners", "%q is no id", shown(id))
		}
		if !login.MatchString(who) {
			ps.add(CodeLinear, "linear.people."+id, "Write the login at GitHub", "%q is no login", shown(who))
		}
	}
}

// LinearClientSecret returns the secret by which this server gets its token from Linear.
func (c *Config) LinearClientSecret() (string, error) {
	return linearSecret(c.Linear.ClientSecretFile, c.Linear.ClientSecretEnv, "linear.client_secret")
}

// LinearWebhookSecret returns the secret that Linear signs deliveries with.
func (c *Config) LinearWebhookSecret() (string, error) {
	return linearSecret(c.Linear.WebhookSecretFile, c.Linear.WebhookSecretEnv, "linear.webhook_secret")
}

func linearSecret(file, env, path string) (string, error) {
	text, problem := read(file, env, path, CodeLinear, CodeSecretMode)
	if problem != nil {
		return "", problem
	}
	secret := string(bytes.TrimSpace(text))
	if secret == "" || strings.ContainsFunc(secret, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", &Problem{Code: CodeLinear, Path: path, What: "the secret is empty, or holds characters that none has", Next: "Copy it from the application's page in Linear's settings, alone on one line"}
	}
	return secret, nil
}
