//go:build linux

package apptest

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// wanted is a secret that must not be found, in one of its forms.
type wanted struct {
	secret, form string
	text         []byte
}

// wantedForms lists the forms of each secret: as it is, base64 at each alignment
// and in both alphabets, hexadecimal, percent-encoded, backwards.
func wantedForms(secrets map[string]string) []wanted {
	var all []wanted
	for name, value := range secrets {
		// Of a text of several lines, such as a key, each line counts.
		for line := range strings.Lines(value) {
			line = strings.TrimSpace(line)
			if len(line) < 20 || strings.HasPrefix(line, "-----") {
				continue
			}
			add := func(form, text string) { all = append(all, wanted{name, form, []byte(text)}) }
			add("as it is", line)
			add("in hexadecimal", hex.EncodeToString([]byte(line)))
			add("in HEXADECIMAL", strings.ToUpper(hex.EncodeToString([]byte(line))))
			percent := ""
			for _, c := range []byte(line) {
				percent += fmt.Sprintf("%%%02X", c)
			}
			add("percent-encoded", percent)
			if escaped := url.QueryEscape(line); escaped != line {
				add("escaped for a query", escaped)
			}
			backwards := []byte(line)
			slices.Reverse(backwards)
			add("backwards", string(backwards))
			for shift := range 3 {
				for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
					encoded := encoding.EncodeToString([]byte(strings.Repeat("x", shift) + line))
					add(fmt.Sprintf("in base64, shifted by %d", shift), encoded[4:len(encoded)-4])
				}
			}
		}
	}
	return all
}

// findSecrets returns what of wanted is in b, also in what was packed with gzip.
func findSecrets(b []byte, all []wanted) string {
	for _, w := range all {
		if bytes.Contains(b, w.text) {
			return w.secret + ", " + w.form
		}
	}
	magic := []byte{0x1f, 0x8b, 8}
	for at := bytes.Index(b, magic); at >= 0; {
		if z, err := gzip.NewReader(bytes.NewReader(b[at:])); err == nil {
			plain, _ := io.ReadAll(io.LimitReader(z, 8<<20))
			for _, w := range all {
				if bytes.Contains(plain, w.text) {
					return w.secret + ", packed, " + w.form
				}
			}
		}
		next := bytes.Index(b[at+1:], magic)
		if next < 0 {
			break
		}
		at += 1 + next
	}
	return ""
}

// scanProcesses looks at all that root can see of the processes below one: their
// environments, arguments and memory. It also returns the text that match finds.
func scanProcesses(below int, all []wanted, match *regexp.Regexp) (found []string, matched string, seen int, err error) {
	parents := map[int]int{}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, "", 0, err
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(filepath.Join("/proc", e.Name(), "stat"))
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		if fields := strings.Fields(rest); len(fields) > 1 {
			parents[pid], _ = strconv.Atoi(fields[1])
		}
	}
	for pid := range parents {
		inside := false
		for p := parents[pid]; p > 1; p = parents[p] {
			inside = inside || p == below
		}
		if !inside {
			continue
		}
		seen++
		name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		look := func(what string, b []byte) {
			if f := findSecrets(b, all); f != "" {
				found = append(found, fmt.Sprintf("%s of process %s: %s", what, strings.TrimSpace(string(name)), f))
			}
			if m := match.Find(b); m != nil {
				matched = string(m)
			}
		}
		for _, what := range []string{"environ", "cmdline"} {
			b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, what))
			look(what, b)
		}
		maps, _ := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
		mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(maps)) {
			var from, to int64
			var mode string
			// What is only read from a file is the file's.
			if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &mode); err != nil || !strings.HasPrefix(mode, "rw") {
				continue
			}
			b := make([]byte, min(to-from, 256<<20))
			if n, _ := mem.ReadAt(b, from); n > 0 {
				look("memory", b[:n])
			}
		}
		mem.Close()
	}
	return found, matched, seen, nil
}

// scanFiles looks at all files below a directory.
func scanFiles(dir string, all []wanted) (found []string, seen int, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		seen++
		if f := findSecrets(b, all); f != "" {
			found = append(found, path+": "+f)
		}
		return err
	})
	return found, seen, err
}
