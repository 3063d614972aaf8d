package conversation

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	"github.com/klauspost/compress/zstd"
)

// ErrBroken says that an archive is not what [Pack] makes, or too large.
var ErrBroken = errors.New("the archive is broken")

// Unpack puts the files of an archive below home, and returns their number. Of an
// archive that is broken nothing is left there. home must have none of the files.
func Unpack(r io.Reader, home string, patterns []string, limit int64) (n int, err error) {
	root, err := os.OpenRoot(home)
	if err != nil {
		return 0, fmt.Errorf("unpack conversation: %w", err)
	}
	defer root.Close()
	// The window is the largest that our level of compression makes, and then some.
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(16<<20), zstd.WithDecoderMaxMemory(uint64(limit)+64<<20))
	if err != nil {
		return 0, fmt.Errorf("unpack conversation: %w", err)
	}
	defer z.Close()
	var made []string
	defer func() {
		if err != nil {
			for _, name := range made {
				err = errors.Join(err, root.Remove(name))
			}
			n, err = 0, fmt.Errorf("unpack conversation: %w", err)
		}
	}()
	t := tar.NewReader(z)
	left := limit
	for {
		h, err := t.Next()
		switch {
		case errors.Is(err, io.EOF) && len(made) > 0:
			return len(made), nil
		case err != nil:
			return 0, fmt.Errorf("%w: %v", ErrBroken, err)
		case h.Typeflag != tar.TypeReg || !wanted(patterns, h.Name):
			return 0, fmt.Errorf("%w: %.100q does not belong there", ErrBroken, h.Name)
		case len(made) >= maxFiles || h.Size > left:
			return 0, fmt.Errorf("%w: it has too much", ErrBroken)
		}
		left -= h.Size
		if err := root.MkdirAll(path.Dir(h.Name), 0o700); err != nil {
			return 0, err
		}
		f, err := root.OpenFile(h.Name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return 0, err
		}
		made = append(made, h.Name)
		_, err = io.Copy(f, t)
		if err := errors.Join(err, f.Close()); err != nil {
			return 0, fmt.Errorf("%w: %v", ErrBroken, err)
		}
		if err := root.Chtimes(h.Name, h.ModTime, h.ModTime); err != nil {
			return 0, err
		}
	}
}
