package config

import (
	"bytes"
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// SlackManifest is the manifest of the app for Slack, with placeholders where the server's
// public address belongs.
//
//go:embed slack-manifest.yaml
var SlackManifest []byte

// Slack makes this server an app of a Slack workspace, in which people ask for work.
type Slack struct {
	// Mode is how Slack reaches this server: socket (the server opens a connection, and
	// needs no address that Slack can call) or http (Slack calls PublicURL/api/slack).
	// Default: empty, which means no Slack; the rest of this section is then ignored.
	Mode string `yaml:"mode"`

	// BotTokenFile is a file whose one line is the bot token, xoxb-…, of the app as it is
	// installed on the workspace. Required, unless BotTokenEnv is given; not both. Mode 0600.
	BotTokenFile string `yaml:"bot_token_file"`

	// BotTokenEnv names the environment variable that holds the bot token.
	BotTokenEnv string `yaml:"bot_token_env"`

	// AppTokenFile is a file whose one line is the app-level token, xapp-…, with the scope
	// connections:write. Required with the mode socket, unless AppTokenEnv is given. Mode 0600.
	AppTokenFile string `yaml:"app_token_file"`

	// AppTokenEnv names the environment variable that holds the app-level token.
	AppTokenEnv string `yaml:"app_token_env"`

	// SigningSecretFile is a file whose one line is the app's signing secret. Required
	// with the mode http, unless SigningSecretEnv is given. Mode 0600.
	SigningSecretFile string `yaml:"signing_secret_file"`

	// SigningSecretEnv names the environment variable that holds the signing secret.
	SigningSecretEnv string `yaml:"signing_secret_env"`

	// APIURL is the address of Slack's Web API. Default: https://slack.com.
	APIURL string `yaml:"api_url"`

	// Repositories says which repository is meant where a request names none: the one with
	// a keyword in the request, else the channel's. Where it is none or several, whoever
	// asked chooses from these. Default: none; then each request names its repository.
	Repositories []SlackRepository `yaml:"repositories"`

	// People says who somebody is at GitHub, by their member id in Slack, such as
	// U024BE7LH, whatever they say themselves. Default: empty; who is not in it signs in
	// at GitHub, if github.client_id is set, and is not heard otherwise. A name or an
	// address of mail never counts. What somebody may do is asked of GitHub each time.
	People map[string]string `yaml:"people"`
}

// SlackRepository is a repository with what means it.
type SlackRepository struct {
	// Repository is OWNER/NAME. Required. The App must be installed there.
	Repository string `yaml:"repository"`

	// Keywords are words that mean it wherever they stand in a request. Default: none.
	Keywords []string `yaml:"keywords"`

	// Channels are ids of channels, such as C024BE91L, in which it is meant where no
	// keyword says otherwise. Default: none.
	Channels []string `yaml:"channels"`

	// Relay is issue, which opens a tracking issue in the repository for each thread in
	// which work is asked for, so that the work is visible where the code lives, or none:
	// then the thread in Slack and the pull request tell everything. Default: issue.
	Relay string `yaml:"relay"`
}

var (
	slackUser    = regexp.MustCompile(`^[UW][A-Z0-9]{5,}$`)
	slackChannel = regexp.MustCompile(`^[CDG][A-Z0-9]{5,}$`)
)

func (c *Config) checkSlack(ps *Problems) {
	l := c.Slack
	switch l.Mode {
	case "":
		return
	case "socket":
		oneSource(ps, CodeSlack, "slack.app_token", l.AppTokenFile, l.AppTokenEnv)
	case "http":
		oneSource(ps, CodeSlack, "slack.signing_secret", l.SigningSecretFile, l.SigningSecretEnv)
	default:
		ps.add(CodeSlack, "slack.mode", "Write socket or http, or leave it out", "%q is no way to reach this server", shown(l.Mode))
	}
	oneSource(ps, CodeSlack, "slack.bot_token", l.BotTokenFile, l.BotTokenEnv)
	if wrong := wrongURL(l.APIURL, false); wrong != "" {
		ps.add(CodeSlack, "slack.api_url", "Leave it out, or write https://slack.com", "%q %s", withoutUser(l.APIURL), wrong)
	}
	var names []string
	for i, r := range l.Repositories {
		path := fmt.Sprintf("slack.repositories[%d]", i)
		if name := strings.ToLower(r.Repository); !fullName.MatchString(r.Repository) || slices.Contains(names, name) {
			ps.add(CodeSlack, path+".repository", "Write OWNER/NAME, each once", "%q is not a repository, or is there before", shown(r.Repository))
		} else {
			names = append(names, name)
		}
		if r.Relay != "" && r.Relay != "issue" && r.Relay != "none" {
			ps.add(CodeSlack, path+".relay", "Write issue or none, or leave it out for issue", "%q is no way to relay what is asked", shown(r.Relay))
		}
		for _, id := range r.Channels {
			if !slackChannel.MatchString(id) {
				ps.add(CodeSlack, path+".channels", "Use the channel's id, which stands at the end of its details in Slack", "%q is no id of a channel", shown(id))
			}
		}
	}
	for id, who := range l.People {
		if !slackUser.MatchString(id) {
			ps.add(CodeSlack, "slack.people", "Use the member id, which Anvil's answer to them names; names can be changed by their owners", "%q is no id", shown(id))
		}
		if !login.MatchString(who) {
			ps.add(CodeSlack, "slack.people."+id, "Write the login at GitHub", "%q is no login", shown(who))
		}
	}
}

// SlackTokens returns what this server is at Slack by: the bot token, the app-level token
// with the mode socket, and the signing secret with the mode http.
func (c *Config) SlackTokens() (bot, app, signing string, err error) {
	l := c.Slack
	if bot, err = slackSecret(l.BotTokenFile, l.BotTokenEnv, "slack.bot_token", "xoxb-"); err != nil {
		return "", "", "", err
	}
	if l.Mode == "socket" {
		app, err = slackSecret(l.AppTokenFile, l.AppTokenEnv, "slack.app_token", "xapp-")
	} else {
		signing, err = slackSecret(l.SigningSecretFile, l.SigningSecretEnv, "slack.signing_secret", "")
	}
	return bot, app, signing, err
}

func slackSecret(file, env, path, prefix string) (string, error) {
	text, problem := read(file, env, path, CodeSlack, CodeSecretMode)
	if problem != nil {
		return "", problem
	}
	secret := string(bytes.TrimSpace(text))
	if secret == "" || !strings.HasPrefix(secret, prefix) || strings.ContainsFunc(secret, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", &Problem{Code: CodeSlack, Path: path, What: "it is empty, or is another secret than the one that belongs there", Next: strings.TrimSpace("Copy the right one from the app's pages in Slack, alone on one line " + example(prefix))}
	}
	return secret, nil
}

func example(prefix string) string {
	if prefix == "" {
		return ""
	}
	return "(it begins with " + prefix + ")"
}
