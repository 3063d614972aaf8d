package tool

import (
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/seed-bc0cc349/anvil/app/runapi"
)

const (
	fetchTime = 10 * time.Minute // for one tool; the largest is 175 MB
	tries     = 3
	maxBytes  = 1 << 30 // of an archive
)

// fetch returns an archive whose digest was compared, and where it came from. It is the
// one that this machine keeps, or else is fetched, and kept where that can be done; dir is
// the job's own.
func (b *Box) fetch(ctx context.Context, name string, a Archive, dir string) (f *os.File, from string, err error) {
	if cache := b.Getenv("RUNNER_TOOL_CACHE"); cache != "" {
		if at := filepath.Join(cache, "anvil"); os.MkdirAll(at, 0o755) == nil {
			dir = at
		}
	}
	kept := filepath.Join(dir, a.file())
	if f, err := os.Open(kept); err == nil {
		if got, err := digest(f); err == nil && got == a.Integrity {
			return f, dir, nil
		}
		f.Close()
		b.Say("%s is not what was put there. It is fetched anew.", kept)
	}
	if f, err = os.CreateTemp(dir, ".fetching-*"); err != nil {
		return nil, "", fmt.Errorf("make room for %s: %w", name, err)
	}
	address := b.registry() + a.path()
	if err = bring(ctx, name, a, address, f); err == nil {
		err = os.Rename(f.Name(), kept)
	}
	if err != nil {
		f.Close()
		_ = os.Remove(f.Name())
		return nil, "", err
	}
	return f, shown(address), nil
}

// bring writes an archive to f and compares it.
func bring(ctx context.Context, name string, a Archive, address string, f *os.File) error {
	if err := download(ctx, address, f); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return failed(name, err.Error(), shown(address))
	}
	got, err := digest(f)
	if err != nil {
		return fmt.Errorf("read %s: %w", a.Package, err)
	}
	if got != a.Integrity {
		return &runapi.Error{
			Code: CodeDigest, What: fmt.Sprintf("%s is %s, and this runner was made for %s. It was not started.", shown(address), got, a.Integrity),
			Next: "Find out who changed it, a proxy or a registry, before you run this again.",
		}
	}
	return nil
}

// download writes what is at an address to f. What may pass by itself is tried again.
func download(ctx context.Context, address string, f *os.File) (err error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	for range tries {
		var again bool
		if again, err = downloadOnce(ctx, address, f); err == nil || !again || ctx.Err() != nil {
			break
		}
	}
	return err
}

func downloadOnce(ctx context.Context, address string, f *os.File) (again bool, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return false, err
	}
	request.Header.Set("User-Agent", "anvil")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		var at *url.Error // has the address, which may have a login in it
		if errors.As(err, &at) {
			err = at.Err
		}
		return true, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return response.StatusCode >= 500, errors.New("the registry says " + response.Status)
	}
	if err := f.Truncate(0); err != nil {
		return false, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return false, err
	}
	n, err := io.Copy(f, io.LimitReader(response.Body, maxBytes+1))
	if err == nil && n > maxBytes {
		return false, fmt.Errorf("it is larger than %d bytes", maxBytes)
	}
	return true, err
}

// digest is how npm says what a file is. The file is at its begin afterwards.
func digest(f *os.File) (string, error) {
	h := sha512.New()
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	_, err := f.Seek(0, io.SeekStart)
	return "sha512-" + base64.StdEncoding.EncodeToString(h.Sum(nil)), err
}

// shown is an address without its password.
func shown(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "the registry's address"
	}
	return u.Redacted()
}
