package seal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"

	"github.com/seed-bc0cc349/anvil/app/blob"
)

// Blobs is where sealed bytes are kept.
type Blobs interface {
	Put(ctx context.Context, r io.Reader, max int64) (digest string, size int64, err error)
	Open(digest string) (io.ReadSeekCloser, error)
	Delete(digest string) error
}

// Store seals what it puts into a blob store, and opens it again.
type Store struct {
	Blobs Blobs
	Key   Key
}

// ErrSealed says that the key does not open what is stored, or that what is stored
// was damaged.
var ErrSealed = errors.New("cannot be opened with the present key")

// sealedSize is more than max plain bytes take when they are sealed: a header, and
// 16 bytes for each 64 KiB.
func sealedSize(max int64) int64 { return max + max/1024 + 4<<10 }

// Put seals what r has, at most max bytes that must have the given digest, and
// returns the digest under which the sealed bytes are stored. Other bytes are not
// stored; the errors are those of package blob.
func (s *Store) Put(ctx context.Context, r io.Reader, digest string, max int64) (sealed string, size int64, err error) {
	if err := blob.Check(digest); err != nil {
		return "", 0, err
	}
	out, in := io.Pipe()
	var failed error
	done := make(chan struct{})
	go func() {
		defer close(done)
		size, failed = s.encrypt(in, r, digest, max)
		in.CloseWithError(failed)
	}()
	sealed, _, err = s.Blobs.Put(ctx, out, sealedSize(max))
	out.CloseWithError(err)
	<-done
	if failed != nil && err != nil {
		err = failed // it is the cause of the other
	}
	if err != nil {
		return "", 0, fmt.Errorf("seal: %w", err)
	}
	return sealed, size, nil
}

func (s *Store) encrypt(to io.Writer, r io.Reader, digest string, max int64) (int64, error) {
	w, err := age.Encrypt(to, s.Key.to)
	if err != nil {
		return 0, err
	}
	sum := sha256.New()
	size, err := io.Copy(io.MultiWriter(w, sum), io.LimitReader(r, max+1))
	switch {
	case err != nil:
		return 0, err
	case size > max:
		return 0, blob.ErrTooBig
	case "sha256:"+hex.EncodeToString(sum.Sum(nil)) != digest:
		return 0, blob.ErrMismatch
	}
	return size, w.Close()
}

// Open returns the plain bytes of what Put stored. Damage that lies behind the
// first chunk shows when it is read.
func (s *Store) Open(sealed string) (io.ReadCloser, error) {
	f, err := s.Blobs.Open(sealed)
	if err != nil {
		return nil, err
	}
	r, err := age.Decrypt(f, s.Key.with...)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w: %w", sealed, ErrSealed, err), f.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{r, f}, nil
}

// Delete removes what Put stored. What is not there is no error.
func (s *Store) Delete(sealed string) error { return s.Blobs.Delete(sealed) }
