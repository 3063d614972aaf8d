package blob

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"time"
)

// Errors that callers tell apart.
var (
	ErrNotFound = fs.ErrNotExist
	ErrDigest   = errors.New("not a sha256 digest")
	ErrTooBig   = errors.New("more bytes than allowed")
	ErrMismatch = errors.New("the bytes do not have the digest they should have")
)

// incoming is where temporary files live. Digests are hexadecimal, so no blob's
// directory has its name.
const incoming = "incoming"

// Store keeps blobs in a directory. It is safe for concurrent use.
type Store struct {
	root *os.Root
}

// Open opens the store in dir, makes the directory if there is none, and removes
// what a crash left half-written.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("blob: open: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("blob: open: %w", err)
	}
	// A directory that was there before may be open to others.
	if err := errors.Join(root.Chmod(".", 0o700), root.RemoveAll(incoming), root.Mkdir(incoming, 0o700), syncDir(root, ".")); err != nil {
		root.Close()
		return nil, fmt.Errorf("blob: open: %w", err)
	}
	return &Store{root: root}, nil
}

// Look opens the store in dir to read it and nothing else: another process may be at
// work in it.
func Look(dir string) (*Store, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("blob: look: %w", err)
	}
	return &Store{root: root}, nil
}

// Close releases the directory. Blobs that are open stay readable.
func (s *Store) Close() error { return s.root.Close() }

// Put stores what r has, at most max bytes, and returns its digest and size.
func (s *Store) Put(ctx context.Context, r io.Reader, max int64) (digest string, size int64, err error) {
	return s.put(ctx, r, "", max)
}

// PutExpect is Put for bytes whose digest is known; others are not stored, and
// the error is [ErrMismatch].
func (s *Store) PutExpect(ctx context.Context, r io.Reader, digest string, max int64) (size int64, err error) {
	if err := Check(digest); err != nil {
		return 0, err
	}
	_, size, err = s.put(ctx, r, digest, max)
	return size, err
}

func (s *Store) put(ctx context.Context, r io.Reader, expect string, max int64) (digest string, size int64, err error) {
	max = min(max, math.MaxInt64-1)
	temp := incoming + "/" + rand.Text()
	defer func() {
		if err != nil {
			digest, size = "", 0
			_ = s.root.Remove(temp) // gone after the rename, or swept at the next Open
			err = fmt.Errorf("blob: put: %w", err)
		}
	}()
	f, err := s.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", 0, err
	}
	hash := sha256.New()
	// One byte more than allowed tells too many from just enough.
	size, err = io.Copy(io.MultiWriter(f, hash), io.LimitReader(&interruptible{ctx, r}, max+1))
	if err == nil && size > max {
		err = ErrTooBig
	}
	digest = algorithm + hex.EncodeToString(hash.Sum(nil))
	if err == nil && expect != "" && digest != expect {
		err = ErrMismatch
	}
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return "", 0, err
	}
	return digest, size, s.name(temp, digest)
}

// name gives a synced temporary file its digest's name, durably. A blob of that
// name is the same bytes, so replacing it changes nothing.
func (s *Store) name(temp, digest string) error {
	dir, path, err := place(digest)
	if err != nil {
		return err
	}
	switch err := s.root.Mkdir(dir, 0o700); {
	case err == nil:
		if err := syncDir(s.root, "."); err != nil {
			return err
		}
	case !errors.Is(err, fs.ErrExist):
		return err
	}
	if err := s.root.Rename(temp, path); err != nil {
		return err
	}
	return syncDir(s.root, dir)
}

// Open returns the blob's bytes.
func (s *Store) Open(digest string) (io.ReadSeekCloser, error) {
	_, path, err := place(digest)
	if err != nil {
		return nil, err
	}
	f, err := s.root.Open(path)
	if err != nil {
		return nil, fmt.Errorf("blob: open: %w", err)
	}
	return f, nil
}

// Info is what is known of a blob without reading it.
type Info struct {
	Size     int64
	StoredAt time.Time
}

// Stat describes a blob.
func (s *Store) Stat(digest string) (Info, error) {
	_, path, err := place(digest)
	if err != nil {
		return Info{}, err
	}
	i, err := s.root.Stat(path)
	if err != nil {
		return Info{}, fmt.Errorf("blob: stat: %w", err)
	}
	return Info{Size: i.Size(), StoredAt: i.ModTime()}, nil
}

// All calls visit with each blob, in no order, until it returns an error.
func (s *Store) All(visit func(digest string, i Info) error) error {
	fan, err := fs.ReadDir(s.root.FS(), ".")
	if err != nil {
		return fmt.Errorf("blob: list: %w", err)
	}
	for _, d := range fan {
		if d.Name() == incoming {
			continue
		}
		blobs, err := fs.ReadDir(s.root.FS(), d.Name())
		if err != nil {
			return fmt.Errorf("blob: list: %w", err)
		}
		for _, b := range blobs {
			digest := algorithm + d.Name() + b.Name()
			if Check(digest) != nil {
				continue // not ours
			}
			i, err := b.Info()
			if errors.Is(err, fs.ErrNotExist) {
				continue // deleted meanwhile
			}
			if err != nil {
				return fmt.Errorf("blob: list: %w", err)
			}
			if err := visit(digest, Info{Size: i.Size(), StoredAt: i.ModTime()}); err != nil {
				return err
			}
		}
	}
	return nil
}

// Delete removes a blob. One that is not there is no error.
func (s *Store) Delete(digest string) error {
	_, path, err := place(digest)
	if err != nil {
		return err
	}
	if err := s.root.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("blob: delete: %w", err)
	}
	return nil
}

func syncDir(root *os.Root, name string) error {
	d, err := root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// interruptible ends a read when its context does.
type interruptible struct {
	ctx context.Context
	r   io.Reader
}

func (i *interruptible) Read(p []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.r.Read(p)
}
