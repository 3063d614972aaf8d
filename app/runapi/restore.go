package runapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
)

// ErrDamaged says that what came is not what the assignment promised.
var ErrDamaged = errors.New("the bytes do not have the digest they should have")

// Restore fetches what an earlier run of the session left under the artifact's
// name into f, which it overwrites. Bytes of another digest, or more than max of
// them, are an error, and f holds nothing then.
func (h *Holder) Restore(ctx context.Context, name, digest string, f *os.File, max int64) (size int64, err error) {
	return h.fetchAgain(ctx, "restore "+name, strings.Replace(h.path(PathRestore), "{name}", url.PathEscape(name), 1), digest, f, max)
}

// fetchAgain fetches until it has an answer that counts; what names it in errors.
func (h *Holder) fetchAgain(ctx context.Context, what, path, digest string, f *os.File, max int64) (size int64, err error) {
	for attempt := 1; ; attempt++ {
		size, err = h.fetch(ctx, path, digest, f, max)
		if err == nil {
			return size, nil
		}
		if err := f.Truncate(0); err != nil {
			return 0, fmt.Errorf("%s: %w", what, err)
		}
		if !TryLater(err) || attempt == maxAttempts || h.client.wait(ctx, min(firstWait<<(attempt-1), longestWait)) != nil {
			return 0, fmt.Errorf("%s: %w", what, err)
		}
	}
}

// fetch makes one attempt.
func (h *Holder) fetch(ctx context.Context, path, digest string, f *os.File, max int64) (int64, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.client.server+path, nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+h.token)
	// The bytes are compressed or packed already.
	req.Header.Set("Accept-Encoding", "identity")
	res, err := h.client.http.Do(req)
	if err != nil {
		return 0, &unanswered{err}
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(res.Body, maxAnswerBytes))
		return 0, refusal(res.StatusCode, body)
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, sum), io.LimitReader(res.Body, max+1))
	switch {
	case err != nil:
		return 0, &unanswered{err}
	case n > max:
		return 0, fmt.Errorf("more than %d bytes came", max)
	case "sha256:"+hex.EncodeToString(sum.Sum(nil)) != digest:
		return 0, ErrDamaged
	}
	return n, nil
}
