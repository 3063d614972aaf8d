package release

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Agreement is which entry of which checksums a program agrees with.
type Agreement struct {
	Digest string // sha256:HEX of the program
	Asset  string // as the checksums name it
	Source string // of the checksums
}

// releases is where releases are published.
const releases = "https://github.com/seed-bc0cc349/anvil/releases/download/"

// maxChecksums bounds a checksum file, in bytes; a release has a dozen lines.
const maxChecksums = 64 << 10

// Verify compares the running program with the checksums at source: a path, an https
// address at GitHub, or empty for the file checksums.txt of b's own release. The file
// has lines of the form `HEX  NAME`, as sha256sum writes them. A problem says what
// disagrees.
func (b Build) Verify(ctx context.Context, source string) (Agreement, error) {
	if b.Version == "" {
		return Agreement{}, anvil.Problemf(CodeDevelopment, "Take a program from the releases page, or build the tag yourself and compare",
			"this is a %s, so there is no release to compare it with", b)
	}
	if b.Changed {
		return Agreement{}, anvil.Problemf(CodeDevelopment, "Take a program from the releases page", "this was built from sources with changes that are in no commit")
	}
	program, err := os.Executable()
	if err != nil {
		return Agreement{}, fmt.Errorf("find the program: %w", err)
	}
	digest, err := digestOf(program)
	if err != nil {
		return Agreement{}, err
	}
	if source == "" {
		source = releases + url.PathEscape(b.Version) + "/checksums.txt"
	}
	text, err := read(ctx, source)
	if err != nil {
		return Agreement{}, anvil.Problemf(CodeChecksums, "Download checksums.txt of the release and name it with --checksums", "the checksums at %s cannot be read", source).Because(err)
	}
	asset, err := find(text, digest, source)
	return Agreement{Digest: "sha256:" + digest, Asset: asset, Source: source}, err
}

func digestOf(program string) (string, error) {
	f, err := os.Open(program)
	if err != nil {
		return "", fmt.Errorf("read the program: %w", err)
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", fmt.Errorf("read the program: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// read reads checksums. An address is read without credentials, and only from where
// releases are published: anybody else's checksums say nothing.
func read(ctx context.Context, source string) ([]byte, error) {
	if !strings.Contains(source, "://") {
		f, err := os.Open(source)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return whole(f)
	}
	at, err := url.Parse(source)
	if err != nil || at.Scheme != "https" || at.User != nil || at.Host != "github.com" {
		return nil, errors.New("the address is not one of https://github.com")
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, source, nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer was %s", res.Status)
	}
	return whole(res.Body)
}

func whole(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxChecksums+1))
	if err == nil && len(text) > maxChecksums {
		err = fmt.Errorf("more than %d bytes", maxChecksums)
	}
	return text, err
}

var entry = regexp.MustCompile(`^([0-9a-f]{64})[ \t]+\*?(\S+)$`)

// find returns the entry of text that has the digest. Its name must be that of a
// program such as this one: another program of the release is not this one.
func find(text []byte, digest, source string) (string, error) {
	lines := bufio.NewScanner(bytes.NewReader(text))
	listed := ""
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" {
			continue
		}
		parts := entry.FindStringSubmatch(line)
		if parts == nil {
			return "", anvil.Problemf(CodeChecksums, "Download checksums.txt of the release again", "%s is no list of checksums", source)
		}
		name := path.Base(parts[2])
		if !ours(name) {
			continue
		}
		if parts[1] == digest {
			return name, nil
		}
		listed = parts[1]
	}
	if listed == "" {
		return "", anvil.Problemf(CodeChecksums, "Name the checksums of this program's own release", "%s lists no anvil for %s/%s", source, runtime.GOOS, runtime.GOARCH)
	}
	return "", anvil.Problemf(CodeDiffers, "Do not use it: download the release again, and report it if it stays so",
		"this program's sha256 is %s, and the release's is %s", digest, listed)
}

// ours reports whether name is that of the anvil program for this system, whatever
// joins its parts: anvil_linux_amd64, anvil-v1.2.3-linux-amd64.
func ours(name string) bool {
	words := strings.FieldsFunc(name, func(r rune) bool { return r == '_' || r == '-' })
	n := len(words)
	return n >= 3 && n <= 4 && words[0] == "anvil" && words[1] != "runner" && words[n-2] == runtime.GOOS && words[n-1] == runtime.GOARCH
}
