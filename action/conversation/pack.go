package conversation

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"syscall"

	"github.com/klauspost/compress/zstd"

	"github.com/seed-bc0cc349/anvil/action/redact"
)

// Errors of packing.
var (
	ErrNothing = errors.New("there is no conversation")
	ErrTooBig  = errors.New("the conversation is larger than the limit")
	ErrChanged = errors.New("a file changed while it was read")
	ErrSame    = errors.New("nothing changed since the last time")
)

// Packed describes an archive.
type Packed struct {
	Files int
	Bytes int64 // of the files together
	// State is a digest of the names, sizes and times of the files.
	State string
	// LeftOut names files that matched and were not packed, with the reason.
	LeftOut []string
}

// Pack writes an archive of the files below home that match one of the patterns to
// w. At most limit bytes of files fit. A state equal to since is [ErrSame], and
// nothing is written.
func Pack(ctx context.Context, w io.WriteSeeker, home string, patterns []string, limit int64, secrets *redact.Set, since string) (Packed, error) {
	root, err := os.OpenRoot(home)
	if err != nil {
		return Packed{}, fmt.Errorf("pack conversation: %w", err)
	}
	defer root.Close()
	p := packer{root: root, limit: limit, secrets: secrets}
	if err := p.list(ctx, patterns); err != nil {
		return p.Packed, fmt.Errorf("pack conversation: %w", err)
	}
	switch {
	case len(p.files) == 0:
		return p.Packed, ErrNothing
	case p.State == since:
		return p.Packed, ErrSame
	case p.Bytes > limit:
		return p.Packed, ErrTooBig
	}
	for {
		// A file in which a secret is found has been written already: begin anew.
		secret, err := p.write(ctx, w)
		if err != nil {
			return p.Packed, fmt.Errorf("pack conversation: %w", err)
		}
		if secret == "" {
			return p.Packed, nil
		}
		p.files = slices.DeleteFunc(p.files, func(f file) bool { return f.name == secret })
		p.LeftOut = append(p.LeftOut, secret+": it holds a secret of this run")
		if len(p.files) == 0 {
			return p.Packed, ErrNothing
		}
	}
}

type packer struct {
	Packed
	root    *os.Root
	limit   int64
	secrets *redact.Set
	files   []file
}

type file struct {
	name string
	info fs.FileInfo
}

// list finds the files that match.
func (p *packer) list(ctx context.Context, patterns []string) error {
	state := sha256.New()
	seen := map[string]bool{}
	for _, top := range roots(patterns) {
		err := fs.WalkDir(p.root.FS(), top, func(name string, d fs.DirEntry, err error) error {
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case errors.Is(err, fs.ErrNotExist):
				return nil // gone meanwhile, or never there
			case err != nil:
				return err
			case !d.Type().IsRegular() || seen[name]:
				return nil
			case !wanted(patterns, name):
				if credential(name) && slices.ContainsFunc(patterns, func(pattern string) bool { return match(pattern, name) }) {
					p.LeftOut = append(p.LeftOut, name+": files of that name hold credentials")
				}
				return nil
			}
			info, err := p.root.Lstat(name)
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			if !info.Mode().IsRegular() {
				return nil
			}
			seen[name] = true
			p.files = append(p.files, file{name, info})
			p.Bytes += info.Size()
			fmt.Fprintf(state, "%d %s\n%d %d\n", len(name), name, info.Size(), info.ModTime().UnixNano())
			if len(p.files) > maxFiles {
				return ErrTooBig
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	p.State = hex.EncodeToString(state.Sum(nil))
	return nil
}

// write writes the archive, or returns the name of a file that holds a secret.
func (p *packer) write(ctx context.Context, w io.WriteSeeker) (secret string, err error) {
	if _, err := w.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	if t, ok := w.(interface{ Truncate(int64) error }); ok {
		if err := t.Truncate(0); err != nil {
			return "", err
		}
	}
	z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return "", err
	}
	defer z.Close()
	t := tar.NewWriter(z)
	p.Files, p.Bytes = 0, 0
	for _, f := range p.files {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		found, err := p.add(t, f)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it was removed meanwhile, as temporary files are
		}
		if err != nil || found {
			return f.name, err
		}
		p.Files, p.Bytes = p.Files+1, p.Bytes+f.info.Size()
	}
	return "", errors.Join(t.Close(), z.Close())
}

// add writes one file, as long as it was when it was found, and reports whether a
// secret stands in it.
func (p *packer) add(t *tar.Writer, f file) (secret bool, err error) {
	// Without blocking, should a pipe have taken the file's place.
	r, err := p.root.OpenFile(f.name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return false, err
	}
	defer r.Close()
	info, err := r.Stat()
	if err != nil {
		return false, err
	}
	if !info.Mode().IsRegular() || !os.SameFile(info, f.info) || info.Size() < f.info.Size() {
		return false, fmt.Errorf("%s: %w", f.name, ErrChanged)
	}
	err = t.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: f.name, Size: f.info.Size(), Mode: 0o600, ModTime: f.info.ModTime(), Format: tar.FormatPAX,
	})
	if err != nil {
		return false, err
	}
	look := p.secrets.Finder()
	if _, err := io.CopyN(io.MultiWriter(t, look), r, f.info.Size()); errors.Is(err, io.EOF) {
		return false, fmt.Errorf("%s: %w", f.name, ErrChanged)
	} else if err != nil {
		return false, err
	}
	return look.Found(), nil
}
