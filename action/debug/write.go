package debug

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/seed-bc0cc349/anvil/action/redact"
)

// Limits bound a package. Zero means what Default has.
type Limits struct {
	Time  time.Duration // for all of it
	Part  int64         // bytes of one part
	Total int64         // bytes of all parts, before they are compressed
}

// Default are the limits of a package that nobody has said anything about.
var Default = Limits{Time: 10 * time.Second, Part: 2 << 20, Total: 16 << 20}

func (l Limits) orDefault() Limits {
	if l.Time <= 0 {
		l.Time = Default.Time
	}
	if l.Part <= 0 {
		l.Part = Default.Part
	}
	if l.Total <= 0 {
		l.Total = Default.Total
	}
	return l
}

// beyond is how much is read behind the limit of a part, so that a secret that lies
// across it is recognised: a redactor holds back less.
const beyond = 128 << 10

// Write makes a package of the parts, in their order, and returns its manifest. The
// error is one of writing to w; what can't be read stands in the manifest.
func Write(ctx context.Context, w io.Writer, about string, parts []Part, secrets *redact.Set, l Limits) (Manifest, error) {
	l = l.orDefault()
	ctx, cancel := context.WithTimeoutCause(ctx, l.Time, fmt.Errorf("the time of %s was up", l.Time))
	defer cancel()
	m := Manifest{Made: time.Now().UTC(), About: secrets.String(about), Never: never}
	packed := gzip.NewWriter(w)
	archive := tar.NewWriter(packed)
	for _, p := range parts {
		content, taken := take(ctx, p, secrets, min(l.Part, l.Total))
		if taken.Name = secrets.String(p.Name); content != nil {
			l.Total -= int64(len(content))
			sum := sha256.Sum256(content)
			taken.Bytes, taken.Digest = int64(len(content)), "sha256:"+hex.EncodeToString(sum[:])
			if err := put(archive, taken.Name, m.Made, content); err != nil {
				return m, err
			}
		}
		taken.Cut = secrets.String(taken.Cut)
		m.Parts = append(m.Parts, taken)
	}
	b, err := json.MarshalIndent(m, "", "  ")
	if err == nil {
		err = put(archive, ManifestName, m.Made, append(b, '\n'))
	}
	return m, errors.Join(err, archive.Close(), packed.Close())
}

func put(archive *tar.Writer, name string, at time.Time, content []byte) error {
	h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o600, Size: int64(len(content)), ModTime: at}
	if err := archive.WriteHeader(h); err != nil {
		return err
	}
	_, err := archive.Write(content)
	return err
}

// take reads a part, redacted, up to limit bytes. There is no content if nothing of
// it could be had.
func take(ctx context.Context, p Part, secrets *redact.Set, limit int64) (content []byte, t Taken) {
	switch {
	case ctx.Err() != nil:
		t.Cut = "left out: " + context.Cause(ctx).Error()
		return nil, t
	case limit <= 0:
		t.Cut = "left out: the package is full"
		return nil, t
	}
	r, err := p.open()
	if err == nil {
		defer r.Close()
		t.Size, err = r.size()
	}
	if err != nil {
		t.Cut = "left out: " + err.Error()
		return nil, t
	}
	var out bytes.Buffer
	clean := redact.NewWriter(secrets, &out)
	whole := false
	buffer := make([]byte, 32<<10)
	for t.Read < limit+beyond && ctx.Err() == nil {
		n, err := r.Read(buffer)
		t.Read += int64(n)
		_, _ = clean.Write(buffer[:n])
		if whole = err == io.EOF; err != nil {
			if !whole {
				t.Cut = "the rest could not be read: " + err.Error()
			}
			break
		}
	}
	now, err := r.size()
	changed := err != nil || now != t.Size || whole && t.Read != t.Size
	switch {
	case whole && !changed:
		_ = clean.Close()
	case whole: // the last line may be half of one, and half a secret has no shape
		t.Cut = fmt.Sprintf("it changed while it was read, from %d bytes to %d: its last line is left out if it has no end", t.Size, now)
	case ctx.Err() != nil:
		t.Cut = context.Cause(ctx).Error()
	}
	content = out.Bytes()
	if int64(len(content)) > limit {
		content = content[:limit]
		t.Cut = fmt.Sprintf("only the first %d bytes", limit)
	} else if !whole && t.Cut == "" {
		t.Cut = fmt.Sprintf("only the first %d bytes", len(content))
	}
	if content == nil {
		content = []byte{}
	}
	return content, t
}
