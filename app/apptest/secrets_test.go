package apptest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
)

// secretShapes is how secrets look that are made anew for each run: installation
// tokens, JWTs, lease tokens, the job's own tokens, private keys.
var secretShapes = regexp.MustCompile(`gh[su]_[A-Za-z0-9._-]{16,}|eyJ[A-Za-z0-9_-]{30,}|anvil_lease_[A-Z0-9]{8,}|canary-[a-z-]+-[0-9a-f-]{8,}|-----BEGIN`)

// secrets: looks for secrets wherever people and agents can look, and in what the
// server keeps
func secrets(s *stage, args []string) error {
	places := map[string][]byte{}
	take := func(name string, v any, err error) error {
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		b, err := json.Marshal(v)
		places[name] = b
		return err
	}
	comments, err := s.Comments()
	pulls, pullErr := list[githubtest.PullRequest](s.GitHub, s.Repository, "pulls")
	checks, checkErr := list[githubtest.CheckRun](s.GitHub, s.Repository, "check-runs")
	if err := errors.Join(take("the comments", comments, err), take("the pull requests", pulls, pullErr), take("the check runs", checks, checkErr)); err != nil {
		return err
	}
	run, err := newestRun(s)
	if err != nil {
		return err
	}
	places["the job's log"] = []byte(s.JobLog(run.ID))
	places["the server's log"] = []byte(s.Server.Log())
	if err := s.kept(func(path string, content []byte) { places[path] = content }); err != nil {
		return err
	}
	if len(places) < 8 {
		return fmt.Errorf("only %d places to look at: where are the artifacts?", len(places))
	}
	var found []string
	for name, content := range places {
		if m := secretShapes.Find(content); m != nil {
			found = append(found, fmt.Sprintf("%s has %.12q…", name, m))
		}
		for form, text := range forms(webhookSecret) {
			if strings.Contains(string(content), text) {
				found = append(found, fmt.Sprintf("%s has the webhook secret, %s", name, form))
			}
		}
	}
	if len(found) > 0 {
		slices.Sort(found)
		return errors.New(strings.Join(found, "\n"))
	}
	return nil
}

// kept visits every file that the server keeps.
func (s *stage) kept(visit func(path string, content []byte)) error {
	return filepath.WalkDir(s.Server.DataDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // the server cleans up behind itself
		}
		if err == nil {
			visit(path, b)
		}
		return err
	})
}

// sealed TEXT: no file that the server keeps has it in the open, and there are
// sealed ones
func sealed(s *stage, args []string) error {
	if err := words(args, 1, 1, "sealed TEXT"); err != nil {
		return err
	}
	n := 0
	var found error
	err := s.kept(func(path string, content []byte) {
		if bytes.HasPrefix(content, []byte("age-encryption.org/")) {
			n++
		}
		for form, text := range forms(args[0]) {
			if bytes.Contains(content, []byte(text)) {
				found = fmt.Errorf("%s has it %s", path, form)
			}
		}
	})
	if err == nil && found == nil && n == 0 {
		found = errors.New("the server keeps nothing that is sealed")
	}
	return errors.Join(err, found)
}

// forms are the shapes into which a secret is easily brought.
func forms(secret string) map[string]string {
	backwards := []byte(secret)
	slices.Reverse(backwards)
	all := map[string]string{"as it is": secret, "backwards": string(backwards), "in hexadecimal": hex.EncodeToString([]byte(secret))}
	for shift := range 3 {
		// Whatever stands before it, three alignments are all there are.
		encoded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + secret))
		all[fmt.Sprintf("in base64, shifted by %d", shift)] = encoded[4 : len(encoded)-4]
	}
	return all
}
