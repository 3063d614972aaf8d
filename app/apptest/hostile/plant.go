//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// program is what is to be run by somebody else: it touches the marker.
func program() string { return "#!/bin/sh\ntouch '" + to.Marker + "'\nexit 0\n" }

// plantGit puts programs wherever git would look for one, in the tree's own
// repository and in those beside it.
func plantGit() (bool, string) {
	tree, _ := os.Getwd()
	path := filepath.Join(tree, "planted.sh")
	_ = os.WriteFile(path, []byte(program()), 0o755)
	config := fmt.Sprintf(`[core]
	fsmonitor = %[1]s
	hooksPath = %[2]s
	sshCommand = %[1]s
	pager = %[1]s
	editor = %[1]s
	gitProxy = %[1]s
	alternateRefsCommand = %[1]s
	worktree = /
[filter "planted"]
	clean = %[1]s
	smudge = %[1]s
	process = %[1]s
	required = true
[diff]
	external = %[1]s
[diff "planted"]
	textconv = %[1]s
[gpg]
	program = %[1]s
[commit]
	gpgSign = true
[credential]
	helper = %[1]s
[uploadpack]
	packObjectsHook = %[1]s
[include]
	path = %[2]s/config
`, path, filepath.Join(tree, "hooks"))
	n := 0
	repositories := []string{".git", "../repository.git", "../base.git", "../.git"}
	if link, err := os.ReadFile(".git"); err == nil {
		var dir string
		if _, err := fmt.Sscanf(string(link), "gitdir: %s", &dir); err == nil {
			repositories = append(repositories, dir)
		}
	}
	for _, git := range append(repositories, "hooks") {
		if _, err := os.Stat(git); err != nil && git != "hooks" {
			continue
		}
		for name, text := range map[string]string{
			"config": config, "config.worktree": config, "info/attributes": "* filter=planted diff=planted\n", "objects/info/alternates": filepath.Dir(to.Marker) + "\n/etc\n",
			"hooks/pre-commit": program(), "hooks/post-checkout": program(), "hooks/post-index-change": program(), "hooks/reference-transaction": program(), "hooks/fsmonitor-watchman": program(),
			"shallow": "0000000000000000000000000000000000000000\n", "info/grafts": "x y\n", "HEAD": "ref: refs/heads/planted\n",
		} {
			at := filepath.Join(git, name)
			_ = os.MkdirAll(filepath.Dir(at), 0o755)
			_ = os.Remove(at)
			if os.WriteFile(at, []byte(text), 0o755) == nil {
				n++
			}
		}
	}
	_ = os.WriteFile(".gitattributes", []byte("* filter=planted diff=planted\n"), 0o644)
	return false, fmt.Sprintf("%d files of git written; judged from outside", n)
}

func plantFiles() (bool, string) {
	for name, target := range map[string]string{"link-out": to.File, "link-passwd": "/etc/passwd", "link-root": "/", "link-up": "../../../../../../etc/shadow", "link-git": ".git/config"} {
		_ = os.Symlink(target, name)
	}
	_ = syscall.Mkfifo("pipe", 0o644)
	_ = syscall.Mknod("device", syscall.S_IFCHR|0o666, 1<<8|3)
	_ = os.WriteFile("setuid", []byte(program()), 0o755)
	_ = os.Chmod("setuid", 0o4755)
	_ = os.Link(to.File, "hard-link")
	_ = os.MkdirAll("closed", 0o755)
	_ = os.WriteFile("closed/file", nil, 0o000)
	_ = os.Chmod("closed", 0o000)
	for _, name := range []string{"back\\slash", "new\nline", "CON", "trailing.", "\u202egnp.exe", "a\u200bb"} {
		_ = os.WriteFile(name, []byte("x"), 0o644)
	}
	return false, "judged from outside"
}

func plantRepositories() (bool, string) {
	for _, dir := range []string{"inner/.git", "deeper/inner/.git"} {
		_ = os.MkdirAll(filepath.Join(dir, "hooks"), 0o755)
		_ = os.WriteFile(filepath.Join(dir, "HEAD"), []byte("ref: refs/heads/main\n"), 0o644)
		_ = os.WriteFile(filepath.Join(dir, "config"), []byte("[core]\n\tfsmonitor = ./planted.sh\n"), 0o644)
		_ = os.WriteFile(filepath.Join(dir, "hooks", "post-checkout"), []byte(program()), 0o755)
	}
	_ = os.WriteFile(".gitmodules", []byte("[submodule \"x\"]\n\tpath = inner\n\turl = -u./planted.sh\n\tupdate = !./planted.sh\n"), 0o644)
	return false, "judged from outside"
}
