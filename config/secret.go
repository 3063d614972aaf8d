package config

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"
)

// secretMax is more than any key or secret takes.
const secretMax = 64 << 10

// PrivateKeyPEM returns the App's private key as PEM text, checked.
func (c *Config) PrivateKeyPEM() ([]byte, error) {
	text, problem := read(c.GitHub.PrivateKeyFile, c.GitHub.PrivateKeyEnv, "github.private_key", CodeKey, CodeKeyMode)
	if problem != nil {
		return nil, problem
	}
	if _, problem := parseKey(text); problem != nil {
		return nil, problem
	}
	return text, nil
}

// PrivateKey returns the App's private key.
func (c *Config) PrivateKey() (*rsa.PrivateKey, error) {
	text, problem := read(c.GitHub.PrivateKeyFile, c.GitHub.PrivateKeyEnv, "github.private_key", CodeKey, CodeKeyMode)
	if problem != nil {
		return nil, problem
	}
	key, problem := parseKey(text)
	if problem != nil {
		return nil, problem
	}
	return key, nil
}

// WebhookSecret returns the secret that GitHub signs deliveries with.
func (c *Config) WebhookSecret() ([]byte, error) {
	text, problem := read(c.GitHub.WebhookSecretFile, c.GitHub.WebhookSecretEnv, "github.webhook_secret", CodeSecret, CodeSecretMode)
	if problem != nil {
		return nil, problem
	}
	// Editors and `echo` end a file with a newline that is no part of the secret.
	text = bytes.TrimRight(text, "\r\n")
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, &Problem{
			Code: CodeNoSecret, Path: "github.webhook_secret", What: "the webhook secret is empty, so anyone could sign deliveries",
			Next: "Make one (openssl rand -hex 32), and set it here and in the App's settings",
		}
	}
	return text, nil
}

// ClientSecret returns the App's client secret, with which people sign in.
func (c *Config) ClientSecret() (string, error) {
	text, problem := read(c.GitHub.ClientSecretFile, c.GitHub.ClientSecretEnv, "github.client_secret", CodeClient, CodeSecretMode)
	if problem != nil {
		return "", problem
	}
	secret := string(bytes.TrimSpace(text))
	if secret == "" || strings.ContainsFunc(secret, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", &Problem{
			Code: CodeClient, Path: "github.client_secret", What: "the secret is empty, or holds characters that none has",
			Next: "Generate a client secret on the App's settings page, and put it there alone on one line",
		}
	}
	return secret, nil
}

// UpstreamKey returns the key of an upstream by its place in the list; empty if it
// has none.
func (c *Config) UpstreamKey(i int) (string, error) {
	u, path := c.Gateway.Upstreams[i], fmt.Sprintf("gateway.upstreams[%d].key", i)
	if u.KeyFile == "" && u.KeyEnv == "" {
		return "", nil
	}
	text, problem := read(u.KeyFile, u.KeyEnv, path, CodeUpstreamKey, CodeSecretMode)
	if problem != nil {
		return "", problem
	}
	key := string(bytes.TrimSpace(text))
	if key == "" || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", &Problem{
			Code: CodeUpstreamKey, Path: path, What: "the key is empty, or holds characters that no key has",
			Next: "Put the provider's key there, alone on one line",
		}
	}
	return key, nil
}

func (c *Config) checkSecrets() Problems {
	var ps Problems
	g := c.GitHub
	// Where there is no single source, check has said so already.
	if (g.PrivateKeyFile == "") != (g.PrivateKeyEnv == "") {
		_, err := c.PrivateKeyPEM()
		ps.collect(err)
	}
	if (g.WebhookSecretFile == "") != (g.WebhookSecretEnv == "") {
		_, err := c.WebhookSecret()
		ps.collect(err)
	}
	if g.ClientID != "" && (g.ClientSecretFile == "") != (g.ClientSecretEnv == "") {
		_, err := c.ClientSecret()
		ps.collect(err)
	}
	for i, u := range c.Gateway.Upstreams {
		if u.KeyFile == "" || u.KeyEnv == "" {
			_, err := c.UpstreamKey(i)
			ps.collect(err)
		}
	}
	if c.Sessions.KeyFile == "" || c.Sessions.KeyEnv == "" {
		_, err := c.SessionKey()
		ps.collect(err)
	}
	if k := c.Environment.Cache.Credential; (k.PasswordFile == "") != (k.PasswordEnv == "") {
		_, err := c.RegistryPassword()
		ps.collect(err)
	}
	if l := c.Slack; (l.Mode == "socket" && (l.AppTokenFile == "") != (l.AppTokenEnv == "") || l.Mode == "http" && (l.SigningSecretFile == "") != (l.SigningSecretEnv == "")) && (l.BotTokenFile == "") != (l.BotTokenEnv == "") {
		_, _, _, err := c.SlackTokens()
		ps.collect(err)
	}
	if l := c.Linear; l.ClientID != "" && (l.ClientSecretFile == "") != (l.ClientSecretEnv == "") && (l.WebhookSecretFile == "") != (l.WebhookSecretEnv == "") {
		_, err := c.LinearClientSecret()
		ps.collect(err)
		_, err = c.LinearWebhookSecret()
		ps.collect(err)
	}
	for i, s := range c.Tools.Servers {
		if !slices.ContainsFunc(s.Headers, func(h ToolHeader) bool { return (h.ValueFile == "") == (h.ValueEnv == "") }) {
			_, err := c.ToolHeaders(i)
			ps.collect(err)
		}
	}
	return ps
}

func (ps *Problems) collect(err error) {
	var p *Problem
	if errors.As(err, &p) {
		*ps = append(*ps, p)
	}
}

func read(file, env, path, code, modeCode string) ([]byte, *Problem) {
	if env != "" {
		value, ok := os.LookupEnv(env)
		if !ok {
			return nil, &Problem{Code: code, Path: path + "_env", What: "the environment has no variable " + env, Next: "Set it, or use " + path + "_file"}
		}
		return []byte(value), nil
	}
	path += "_file"
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &Problem{Code: code, Path: path, What: fmt.Sprintf("there is no file %s", file), Next: "Put it there, or change the path"}
	case err != nil:
		return nil, &Problem{Code: code, Path: path, What: err.Error(), Next: "Let the server's user read it"}
	case !info.Mode().IsRegular():
		return nil, &Problem{Code: code, Path: path, What: fmt.Sprintf("%s is not a regular file", file), Next: "Name the file itself"}
	case info.Size() > secretMax:
		return nil, &Problem{Code: code, Path: path, What: fmt.Sprintf("%s has %d bytes, which is no key or secret", file, info.Size()), Next: "Name the right file"}
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		return nil, &Problem{
			Code: modeCode, Path: path, What: fmt.Sprintf("%s has mode %04o, so others on this machine can reach it", file, info.Mode().Perm()),
			Next: "Run: chmod 600 " + file,
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, &Problem{Code: code, Path: path, What: err.Error(), Next: "Let the server's user read it"}
	}
	return text, nil
}

// parseKey accepts an RSA key as PKCS#1, which is what GitHub gives, or as
// PKCS#8, which is what tools convert it to. Otherwise it says what was found,
// never any of its bytes.
func parseKey(text []byte) (*rsa.PrivateKey, *Problem) {
	wrong := func(what string) (*rsa.PrivateKey, *Problem) {
		return nil, &Problem{
			Code: CodeKey, Path: "github.private_key", What: what,
			Next: "Generate a private key on the App's settings page and use the downloaded .pem file as it is",
		}
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return wrong("the private key is empty")
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return wrong("found no PEM block (a text that starts with -----BEGIN)")
	}
	switch block.Type {
	case "RSA PRIVATE KEY":
		if strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
			return wrong("found a private key that is locked with a passphrase")
		}
		key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
		if err != nil {
			return wrong("found a PKCS#1 private key that is damaged")
		}
		return key, nil
	case "PRIVATE KEY":
		parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return wrong("found a PKCS#8 private key that is damaged")
		}
		key, ok := parsed.(*rsa.PrivateKey)
		if !ok {
			return wrong(fmt.Sprintf("found a PKCS#8 key of another kind (%T); an App's key is RSA", parsed))
		}
		return key, nil
	case "ENCRYPTED PRIVATE KEY":
		return wrong("found a private key that is locked with a passphrase")
	case "PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE":
		return wrong("found a " + strings.ToLower(block.Type) + ", not a private key")
	}
	return wrong("found a PEM block of a kind that is no RSA private key")
}
