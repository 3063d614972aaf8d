package inspect

import (
	"context"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/git"
)

// protectedPaths are files with which a change can reach beyond itself: they
// run with secrets, decide who must review, tell agents what to do, or act on
// the machine of whoever checks the change out. Written folded; a pattern that
// ends in /** stands for the folder itself, too.
var protectedPaths = patterns(
	// GitHub: workflows, actions, owners, templates, and our own policy.
	".github/**", "**/codeowners", "**/action.yml", "**/action.yaml",
	// Ours; anvil.yml is an organisation's policy, in its repository .github.
	"**/.anvil*", "**/.anvil*/**", "anvil.yml",
	// Agents: instructions, settings, tools, hooks.
	"**/agents.md", "**/agents.override.md", "**/agent.md", "**/.agents/**",
	"**/claude.md", "**/claude.local.md", "**/.claude/**", "**/.claude.json",
	"**/.codex/**", "**/.mcp.json", "**/mcp.json", "**/.cursor/**", "**/.cursorrules", "**/.gemini/**", "**/gemini.md",
	"**/.windsurf/**", "**/.windsurfrules", "**/.clinerules/**", "**/.roo/**", "**/.roorules", "**/.kiro/**", "**/.junie/**",
	"**/.continue/**", "**/.opencode/**", "**/opencode.json", "**/opencode.jsonc", "**/.amazonq/**", "**/.aider*", "**/.goosehints",
	"**/.copilot/**", "**/copilot-instructions.md",
	// Git and its hooks.
	"**/.gitmodules", "**/.gitattributes", "**/.gitconfig", "**/.githooks/**", "**/.husky/**",
	"**/lefthook.yml", "**/.lefthook.yml", "**/.pre-commit-config.yaml",
	// Environments and editors that run what they find.
	"**/.devcontainer/**", "**/.devcontainer.json", "**/devcontainer.json", "**/.vscode/**", "**/.idea/**", "**/.envrc",
	// Package managers: where downloads come from, and what runs with them.
	"**/.npmrc", "**/.yarnrc", "**/.yarnrc.yml", "**/bunfig.toml", "**/pip.conf",
	// Other systems that build, deploy or merge.
	"**/.gitlab-ci.yml", ".gitlab/**", ".circleci/**", "**/.travis.yml", "**/azure-pipelines*.yml", ".azure-pipelines/**", ".azuredevops/**",
	"**/jenkinsfile*", ".buildkite/**", "**/.drone.yml", "**/.woodpecker.yml", ".woodpecker/**", "**/appveyor.yml", "**/.appveyor.yml",
	"**/bitbucket-pipelines.yml", ".teamcity/**", ".semaphore/**", "**/cloudbuild.yaml", "**/cloudbuild.yml", "**/.cirrus.yml", "**/.cirrus.star",
	".forgejo/**", ".gitea/**", ".tekton/**", "**/buildspec.yml", ".ci/**", "**/.mergify.yml", "**/renovate.json*", "**/.renovaterc*",
)

// protected says whether path is protected. What the rules protect is; of what is
// protected anyway, they may let some go, by a pattern in each of their lists.
// Protection ignores case and composition, for there are machines that do;
// what lets go is for the exact spelling.
func protected(path string, rules anvil.Rules) bool {
	folded := strings.Split(foldPath(path), "/")
	for _, glob := range rules.Protect {
		if match(strings.Split(foldPath(glob), "/"), folded) {
			return true
		}
	}
	if !slices.ContainsFunc(protectedPaths, func(p []string) bool { return match(p, folded) }) {
		return false
	}
	names := strings.Split(path, "/")
	for _, list := range rules.MayChange {
		if !slices.ContainsFunc(patterns(list...), func(p []string) bool { return match(p, names) }) {
			return true
		}
	}
	return len(rules.MayChange) == 0
}

// behindLinks returns what the links of a tree lead to whose own names are protected:
// who changes docs/guide.md changes CLAUDE.md, if that is a link to it. Targets are files
// or folders; those that are links in turn, or beyond links, are followed.
func behindLinks(ctx context.Context, q *git.Repository, links map[string]string, rules anvil.Rules) ([]string, error) {
	if !slices.ContainsFunc(slices.Collect(maps.Keys(links)), func(path string) bool { return protected(path, rules) }) {
		return nil, nil
	}
	paths := slices.Sorted(maps.Keys(links))
	var ids []string
	for _, path := range paths {
		ids = append(ids, links[path])
	}
	usable := map[string]bool{} // by blob
	if err := q.Objects(ctx, ids, func(o git.Object) error { usable[o.ID] = o.Size < linkBytes; return nil }); err != nil {
		return nil, err
	}
	paths = slices.DeleteFunc(paths, func(path string) bool { return !usable[links[path]] })
	ids = slices.DeleteFunc(ids, func(id string) bool { return !usable[id] })
	targets, next := map[string]string{}, 0
	if err := q.Blobs(ctx, ids, linkBytes, func(_ string, content []byte) error {
		if target := string(content); !path.IsAbs(target) {
			targets[paths[next]] = path.Join(path.Dir(paths[next]), target)
		}
		next++
		return nil
	}); err != nil {
		return nil, err
	}
	var behind []string
	for _, link := range paths {
		if protected(link, rules) {
			behind = append(behind, follow(link, targets)...)
		}
	}
	return behind, nil
}

// follow returns the places that one comes by on the way from a link to its end.
func follow(link string, targets map[string]string) (places []string) {
	const most = 40 // as many as systems follow
	for at := link; len(places) < most; {
		folder := at
		for folder != "." && targets[folder] == "" {
			folder = path.Dir(folder)
		}
		if folder == "." {
			return places
		}
		at = path.Join(targets[folder], strings.TrimPrefix(at, folder))
		if strings.HasPrefix(at, "/") || at == ".." || strings.HasPrefix(at, "../") {
			return places // out of the tree
		}
		places = append(places, at)
	}
	return places
}

// lies reports whether path is one of places, or in one that is a folder.
func lies(path string, places []string) bool {
	return slices.ContainsFunc(places, func(place string) bool { return path == place || strings.HasPrefix(path, place+"/") })
}

// patterns splits globs into their names.
func patterns(globs ...string) [][]string {
	var split [][]string
	for _, glob := range globs {
		split = append(split, strings.Split(strings.TrimPrefix(glob, "/"), "/"))
	}
	return split
}

// match says whether the names of a path match a pattern, in which ** stands
// for any number of names, and each other part is as in [path.Match].
func match(pattern, names []string) bool {
	// reached[i] says that the pattern so far matches the first i names.
	reached := make([]bool, len(names)+1)
	reached[0] = true
	for _, part := range pattern {
		next := make([]bool, len(names)+1)
		for i, any := 0, false; i <= len(names); i++ {
			any = any || reached[i]
			if part == "**" {
				next[i] = any
			} else if reached[i] && i < len(names) {
				ok, err := path.Match(part, names[i])
				next[i+1] = ok && err == nil
			}
		}
		reached = next
	}
	return reached[len(names)]
}
