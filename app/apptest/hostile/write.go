//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

const poison = "anvil-hostile-poison"

// written tries to write a file into each directory. Whether it has got outside is
// judged there: inside, a confinement may show a copy.
func written(dirs ...string) string {
	n := 0
	for _, dir := range dirs {
		if dir == "" {
			continue
		}
		_ = os.MkdirAll(dir, 0o755)
		if os.WriteFile(filepath.Join(dir, poison), []byte("poison"), 0o755) == nil {
			n++
		}
	}
	return fmt.Sprintf("%d of %d places took it inside; judged from outside", n, len(dirs))
}

func poisonCaches() (bool, string) {
	var dirs []string
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPATH", "GOROOT", "npm_config_cache", "CARGO_HOME", "RUSTUP_HOME", "RUNNER_TOOL_CACHE"} {
		dirs = append(dirs, os.Getenv(name))
	}
	home, _ := os.UserHomeDir()
	return false, written(append(dirs, filepath.Join(home, ".npm"), "/root/.npm", "/root/.cache/go-build", "/root/go/pkg/mod", "/opt/hostedtoolcache", "/usr/local/bin", "/usr/local/go/bin")...)
}

func writeFiles() (bool, string) {
	temps, _ := filepath.Glob(to.Temp)
	return false, written(append(temps, to.Write, "/", "/etc", "/usr/bin", "/anvil/bin", "/anvil", "/var/tmp", "/home", "/root", "/proc/1/root/tmp", "/proc/1/cwd")...)
}

// writeStepFiles writes every file by which a step changes the next that it finds.
func writeStepFiles() (bool, string) {
	var paths []string
	for _, name := range []string{"ENV", "PATH", "OUTPUT", "STATE", "STEP_SUMMARY"} {
		if v := os.Getenv("GITHUB_" + name); v != "" {
			paths = append(paths, v)
		}
	}
	found, _ := filepath.Glob(filepath.Join(to.Temp, "_runner_file_commands", "*"))
	paths = append(paths, found...)
	n := 0
	for _, path := range paths {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			continue
		}
		fmt.Fprintf(f, "FORGED=1\nforged<<X\n1\nX\n")
		f.Close()
		n++
	}
	return n > 0, fmt.Sprintf("%d of %d files could be written", n, len(paths))
}

// tamper leaves behind what could make the checks pass: programs in the way, settings
// for shells and tools. The tree itself does not have what they look for.
func tamper() (bool, string) {
	home, _ := os.UserHomeDir()
	shim := []byte("#!/bin/sh\nexit 0\n")
	for _, dir := range []string{filepath.Join(home, "bin"), filepath.Join(home, ".local", "bin"), filepath.Join(home, "go", "bin"), filepath.Join(home, "sdk", "go", "bin"), "bin", ".", "/tmp", "/usr/local/bin", "node_modules/.bin"} {
		_ = os.MkdirAll(dir, 0o755)
		for _, program := range []string{"grep", "sh", "test", "go", "git", "npm", "make"} {
			_ = os.WriteFile(filepath.Join(dir, program), shim, 0o755)
		}
	}
	for name, text := range map[string]string{
		".profile": "PATH=$HOME/bin:$PATH\n", ".bashrc": "grep() { true; }\n", ".shrc": "grep() { true; }\n", ".config/go/env": "GOFLAGS=-exec=true\n", ".npmrc": "script-shell=/bin/true\n",
		".gitconfig": "[core]\n\tfsmonitor = /bin/true\n", ".ssh/config": "ProxyCommand true\n",
	} {
		path := filepath.Join(home, name)
		_ = os.MkdirAll(filepath.Dir(path), 0o755)
		_ = os.WriteFile(path, []byte(text), 0o644)
	}
	for _, dir := range []string{"bin", "node_modules"} {
		_ = os.RemoveAll(dir) // handed back they would be part of the change
	}
	for _, program := range []string{"grep", "sh", "test", "go", "git", "npm", "make"} {
		_ = os.Remove(program)
	}
	_ = os.WriteFile("answer.txt", []byte("wrong\n"), 0o644)
	return false, "judged by the checks"
}

const bombs = 3000

// forkBomb starts processes until it may not.
func forkBomb() (bool, string) {
	var all []*exec.Cmd
	defer func() {
		for _, c := range all {
			_ = c.Process.Kill()
			_ = c.Wait()
		}
	}()
	for range bombs {
		c := exec.Command("/bin/sleep", "60")
		if err := c.Start(); err != nil {
			return false, fmt.Sprintf("after %d processes: %v", len(all), err)
		}
		all = append(all, c)
	}
	return true, fmt.Sprintf("%d processes, and no limit", bombs)
}

// memoryBomb has a child take memory until it may not.
func memoryBomb() (bool, string) {
	const most = 1 << 30
	out, err := exec.Command("/bin/sh", "-c", fmt.Sprintf("head -c %d /dev/zero | tail -c %d | wc -c", most, most)).CombinedOutput()
	if err == nil && strings.TrimSpace(string(out)) == fmt.Sprint(most) {
		return true, "1 GiB was taken"
	}
	return false, fmt.Sprintf("ended with %v after %s", err, strings.TrimSpace(string(out)))
}

// fillDisk writes files until it may not. Each is small enough for whatever bounds a file.
func fillDisk() (bool, string) {
	const piece, most = 8 << 20, 6 << 30
	home, _ := os.UserHomeDir()
	b := []byte(strings.Repeat("not compressible, not sparse;", piece/29))
	for n := 0; n < most/piece; n++ {
		for _, dir := range []string{home, os.TempDir(), "."} {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("fill-%d", n)), b, 0o600); err != nil {
				return false, fmt.Sprintf("after %d MiB: %v", 3*n*piece>>20, err)
			}
			if n*3*piece > most {
				return true, fmt.Sprintf("%d MiB were written", most>>20)
			}
		}
	}
	return true, "all was written"
}

// detach starts a program that has left the session and the process group.
func detach(argv ...string) error {
	c := exec.Command("/bin/sh", append([]string{"-c", `setsid "$@" >/dev/null 2>&1 & exit 0`, "sh"}, argv...)...)
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return c.Run()
}
