package tool

import (
	"fmt"
	"path"
	"runtime"
	"strings"
)

// Tool is a program at one version.
type Tool struct {
	Version string
	// Program is where it is in its package; * stands for any one name.
	Program string
	// Archives are by platform, such as linux/amd64; one for every platform has no key.
	Archives map[string]Archive
}

// Archive is a package of npm's registry.
type Archive struct {
	Package   string // NAME@VERSION
	Integrity string // its digest, as npm says it: sha512-BASE64
}

// Tools are those that can be had, by the name of the program.
type Tools map[string]Tool

// Known are the versions that Anvil was tried with. `npm view PACKAGE dist.integrity` says
// the digest of another one.
func Known() Tools {
	return Tools{
		"codex": {Version: "0.169.0", Program: "vendor/*/bin/codex", Archives: map[string]Archive{
			"linux/amd64":  {"@openai/codex@0.169.0-linux-x64", "sha512-o05NyAOCDygSPRo1yinzxvkRSdmsZyBD9E7mbpmjRanSfM8lypqWtQgEo4XfNkwhuCR2aFu8mlGOsQGFXVbVww=="},
			"linux/arm64":  {"@openai/codex@0.169.0-linux-arm64", "sha512-NZ/DaQUpcQmxmqee7Z9uC1rzw3GhSbooawcaTe1LN5Yk+WlinUKGdTXJgClRT/9ogQEEM9TWxYzvxPfj5G/xFg=="},
			"darwin/amd64": {"@openai/codex@0.169.0-darwin-x64", "sha512-K1FKSsSLl9v3z5TeagBQXyQRDBIGB5Jncy5dxsRxwT3aaTqN3AI8VrCfoxBxKMOOU9O2QX1vg7WkBwNVth/s9A=="},
			"darwin/arm64": {"@openai/codex@0.169.0-darwin-arm64", "sha512-5WsWFBbVP78D+6FvNo1MMVxLPZdmcoQlqVJFrF4qx/TmvneLnMQKtLyXkUo54XOTDfoYKpNouTJ/F7gTVA8FnQ=="},
		}},
		"claude": {Version: "2.1.330", Program: "claude", Archives: map[string]Archive{
			"linux/amd64":  {"@anthropic-ai/claude-code-linux-x64@2.1.330", "sha512-9Gn+V7DtJ8M1nztP9CeDVl9g3RtrepI7rOFTyPRRnZe8D6zebIHKmC7OvBauucuAP0X0k85SDN/LPVZyjsGezQ=="},
			"linux/arm64":  {"@anthropic-ai/claude-code-linux-arm64@2.1.330", "sha512-V4yanAY5EA5UpwwRPtjSfqDbNqAlUJeVn3NYZw2AgmRHjdpSsLtHAzbxRXfkAnbjwTXzE0uedjQxUY02ARPcsA=="},
			"darwin/amd64": {"@anthropic-ai/claude-code-darwin-x64@2.1.330", "sha512-XenTNj2zXaFrnLmf47n25vChfFhlfeyaAR/vW5SFsEnLGwd2U1vDUY97+5etHBZu3xWBnlK8HhBVxzRi9YTUDw=="},
			"darwin/arm64": {"@anthropic-ai/claude-code-darwin-arm64@2.1.330", "sha512-rgzAjrRJJsIdZXGF9CCFFbURxKuJNobRr+krV3dNmqNJWIws74rLD0CABe4+nXlx/9WwRECTrveprWB96mubqw=="},
		}},
		"devcontainer": {Version: "0.89.0", Program: "devcontainer.js", Archives: map[string]Archive{
			"": {"@devcontainers/cli@0.89.0", "sha512-LzaoOGKQ/Zql6PsiZ4hVIYVZagzWkD65aG/1ou5/Kly5Y1PtjLg1yn7qu+LZCzVoAl6DZZ/pbz8qOO4RLNlqMg=="},
		}},
	}
}

// Have reports whether a tool can be had for this machine, at a version; empty: whatever
// there is.
func (t Tools) Have(name, version string) bool {
	_, ok := t[name].archive()
	return ok && (version == "" || version == t[name].Version)
}

func (t Tool) archive() (Archive, bool) {
	if a, ok := t.Archives[runtime.GOOS+"/"+runtime.GOARCH]; ok {
		return a, true
	}
	a, ok := t.Archives[""]
	return a, ok
}

// name is the package's name, without its version.
func (a Archive) name() string { return a.Package[:strings.LastIndexByte(a.Package, '@')] }

// path is where a registry has the archive.
func (a Archive) path() string { return a.name() + "/-/" + a.file() }

func (a Archive) file() string {
	return fmt.Sprintf("%s-%s.tgz", path.Base(a.name()), a.Package[len(a.name())+1:])
}
