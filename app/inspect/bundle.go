package inspect

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/git"
	"github.com/seed-bc0cc349/anvil/app/runapi"
	"github.com/seed-bc0cc349/anvil/app/sanitize"
)

// headerLimit is far above the header of an honest bundle, which has one
// prerequisite and one ref.
const headerLimit = 64 << 10

// header is the readable part of a bundle, before its pack.
type header struct {
	prerequisites []string
	refs          []bundleRef
}

type bundleRef struct{ id, name string }

// openBundle begins to read the proposal's bundle, from its start.
func openBundle(p Proposal) (*bufio.Reader, error) {
	if _, err := p.Bundle.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("reading a bundle: %w", err)
	}
	return bufio.NewReader(io.LimitReader(p.Bundle, p.Size)), nil
}

// source notes whether a bundle could be read, for the store that it comes
// from may fail, and that is not the bundle's fault.
type source struct {
	from   io.ReadSeeker
	failed error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.from.Read(p)
	if err != nil && err != io.EOF {
		s.failed = fmt.Errorf("reading a bundle: %w", err)
	}
	return n, err
}

func (s *source) Seek(offset int64, whence int) (int64, error) { return s.from.Seek(offset, whence) }

// orCorrupt returns the source's failure, or that the bundle is corrupt.
func (s *source) orCorrupt(cause error) error {
	if s.failed != nil {
		return s.failed
	}
	return corrupt(cause)
}

// readHeader reads the header of a version 2 or 3 bundle and leaves bundle at
// the first byte of the pack. Anything that it does not know is an error.
func readHeader(bundle *bufio.Reader) (header, error) {
	var h header
	left := headerLimit
	line := func() (string, error) {
		raw, err := bundle.ReadSlice('\n')
		if err != nil {
			return "", fmt.Errorf("bundle header: %w", err)
		}
		if left -= len(raw); left < 0 {
			return "", errors.New("bundle header: too long")
		}
		return string(raw[:len(raw)-1]), nil
	}
	signature, err := line()
	if err != nil {
		return h, err
	}
	version3 := signature == "# v3 git bundle"
	if !version3 && signature != "# v2 git bundle" {
		return h, errors.New("bundle header: unknown signature")
	}
	for {
		text, err := line()
		switch {
		case err != nil:
			return h, err
		case text == "":
			return h, nil
		case text[0] == '@':
			// Capabilities stand before everything else.
			if !version3 || len(h.prerequisites)+len(h.refs) > 0 || text != "@object-format=sha1" {
				return h, errors.New("bundle header: unknown capability")
			}
		case text[0] == '-':
			id, _, _ := strings.Cut(text[1:], " ") // a comment may follow
			if !git.ObjectID(id) || len(h.refs) > 0 {
				return h, errors.New("bundle header: malformed prerequisite")
			}
			h.prerequisites = append(h.prerequisites, id)
		default:
			id, name, ok := strings.Cut(text, " ")
			if !ok || !git.ObjectID(id) || name == "" {
				return h, errors.New("bundle header: malformed ref")
			}
			h.refs = append(h.refs, bundleRef{id, name})
		}
	}
}

// check compares a header with what the proposal must have.
func (h header) check(base, head string) *anvil.Problem {
	if len(h.prerequisites) != 1 || h.prerequisites[0] != base {
		return anvil.Problemf("BUNDLE_BASE", "Ask again, so that the work starts from the branch as it is now.",
			"the proposal does not build on commit %s, from which the run started, and on that alone", base)
	}
	if len(h.refs) == 1 && h.refs[0].name == runapi.BundleRef && h.refs[0].id == head {
		return nil
	}
	if len(h.refs) == 1 && h.refs[0].name == runapi.BundleRef {
		return anvil.Problemf("BUNDLE_REFS", "Ask again.", "the proposal holds commit %s, though the runner reported %s", h.refs[0].id, sanitize.Path(head))
	}
	var foreign []string
	for _, ref := range h.refs {
		if ref.name != runapi.BundleRef {
			foreign = append(foreign, sanitize.Path(ref.name))
		}
	}
	if len(foreign) == 0 {
		return anvil.Problemf("BUNDLE_REFS", "Ask again.", "the proposal does not hold exactly one %s", runapi.BundleRef)
	}
	return anvil.Problemf("BUNDLE_REFS", "Ask again; only the one proposed commit can be handed over.",
		"the proposal holds refs that do not belong in it: %s", list(foreign))
}
