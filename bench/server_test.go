package bench

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// build builds the product's programs, and those of the peers, into a directory.
func build(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", dir+string(filepath.Separator),
		"./cmd/anvil", "./cmd/anvil-runner", "./cmd/anvil-sample-agent", "./bench/stamp", "./bench/relay", "./bench/shelf")
	cmd.Dir, cmd.Env = "..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return dir
}

// server is a process of `anvil serve`.
type server struct {
	cmd   *exec.Cmd
	log   bytes.Buffer
	ready time.Duration // from the start of the process to /readyz
}

// serve starts `anvil serve` and waits until it is ready at address.
func serve(t *testing.T, bin, configuration, address string) *server {
	t.Helper()
	s := &server{cmd: exec.Command(filepath.Join(bin, "anvil"), "serve", "--config", configuration)}
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.stop(t) })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		request, err := http.NewRequestWithContext(ctx, "GET", "http://"+address+"/readyz", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				s.ready = time.Since(began)
				return s
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			s.stop(t)
			t.Fatalf("anvil serve is not ready after 20 s:\n%s", s.log.String())
		}
	}
}

// stop ends the server as an operator does. It may be called twice.
func (s *server) stop(t *testing.T) {
	if s.cmd.ProcessState != nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("anvil serve ended: %v\n%s", err, s.log.String())
	}
}

// memory is what of a process is in memory, in MB.
type memory struct{ all, own, file float64 }

// resident is how much memory the process has now.
func (s *server) resident(t *testing.T) memory {
	t.Helper()
	var m memory
	for line := range strings.Lines(s.proc(t, "status")) {
		words := strings.Fields(line)
		field := map[string]*float64{"VmRSS:": &m.all, "RssAnon:": &m.own, "RssFile:": &m.file}[words[0]]
		if field == nil || len(words) != 3 {
			continue
		}
		kib, err := strconv.ParseFloat(words[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		*field = kib * 1024 / 1e6
	}
	if m.all == 0 {
		t.Fatal("/proc tells no VmRSS")
	}
	return m
}

// cpu is how much processor time the process has used.
func (s *server) cpu(t *testing.T) time.Duration {
	t.Helper()
	stat := s.proc(t, "stat")
	// The program's name, in brackets, may hold anything; after it come state,
	// parent and so on, user and system time as the 12th and 13th.
	words := strings.Fields(stat[strings.LastIndex(stat, ")")+1:])
	var ticks int64
	for _, word := range words[11:13] {
		n, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond // USER_HZ is 100 everywhere
}

func (s *server) proc(t *testing.T, name string) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("memory and processor time are read from /proc, which only Linux has")
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", s.cmd.Process.Pid, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// rest lets d pass. Something has to be idle for a while to be measured idle.
func rest(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
		t.Fatal(t.Context().Err())
	}
}
