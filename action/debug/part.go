package debug

import (
	"bytes"
	"errors"
	"io"
	"os"
	"syscall"
)

// Part is one file of a package.
type Part struct {
	Name string // its path in the package
	open func() (reader, error)
}

// reader is what a part is read from. Its size may be another one at every call.
type reader interface {
	io.ReadCloser
	size() (int64, error)
}

// Text is a part that is there already.
func Text(name string, b []byte) Part {
	return Part{Name: name, open: func() (reader, error) { return text{bytes.NewReader(b)}, nil }}
}

type text struct{ *bytes.Reader }

func (t text) size() (int64, error) { return t.Size(), nil }
func (t text) Close() error         { return nil }

// errNotAFile says that something else has a file's place.
var errNotAFile = errors.New("it is not a regular file")

// File is a part that is read from the file path, as it is when its turn comes.
func File(name, path string) Part {
	return Part{Name: name, open: func() (reader, error) {
		f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
		if err != nil {
			return nil, err
		}
		if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
			return nil, errors.Join(err, f.Close(), errNotAFile)
		}
		return file{f}, nil
	}}
}

type file struct{ *os.File }

func (f file) size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
