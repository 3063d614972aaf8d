//go:build unix

package desk

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Secrets are what a run without a server needs and the agent must not have.
type Secrets struct {
	ModelKey  string `json:"model_key"`
	ReadToken string `json:"read_token"` // of the job, for fetching the base commit
}

// The variables of the step that carry secrets, and the one that says, in the process
// that follows, from where they can be read.
const (
	envModelKey  = "ANVIL_MODEL_KEY"
	envReadToken = "ANVIL_READ_TOKEN"
	envHandle    = "ANVIL_SECRETS_HANDLE"
)

// TakeSecrets returns the secrets that the environment carries. What a process was
// started with stays readable in /proc as long as it lives, so the first call does not
// return: it puts the secrets into a pipe and starts the same program in its own place,
// with an environment that never had them.
func TakeSecrets() (Secrets, error) {
	if handle := os.Getenv(envHandle); handle != "" {
		os.Unsetenv(envHandle)
		return receive(handle)
	}
	s := Secrets{ModelKey: os.Getenv(envModelKey), ReadToken: os.Getenv(envReadToken)}
	if s == (Secrets{}) {
		return s, nil
	}
	return s, handOn(s)
}

func receive(handle string) (s Secrets, err error) {
	fd, err := strconv.Atoi(handle)
	if err != nil {
		return s, fmt.Errorf("secrets: %s is no handle", envHandle)
	}
	pipe := os.NewFile(uintptr(fd), "secrets")
	defer pipe.Close()
	b, err := io.ReadAll(io.LimitReader(pipe, maxSecrets))
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	if err != nil {
		return s, fmt.Errorf("secrets could not be received: %w", err)
	}
	return s, nil
}

// maxSecrets is what every pipe takes without a reader, in bytes.
const maxSecrets = 4096

func handOn(s Secrets) error {
	b, err := json.Marshal(s)
	if err != nil || len(b) >= maxSecrets {
		return fmt.Errorf("secrets of %d bytes are too long (%v)", len(b), err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	if _, err := w.Write(b); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	kept, err := syscall.Dup(int(r.Fd())) // a copy stays open in the program that follows
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool {
		return strings.HasPrefix(kv, envModelKey+"=") || strings.HasPrefix(kv, envReadToken+"=") || kv == "GITHUB_TOKEN="+s.ReadToken
	})
	return syscall.Exec(self, os.Args, append(env, envHandle+"="+strconv.Itoa(kept)))
}
