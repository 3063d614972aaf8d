package imagecache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"

	"github.com/klauspost/compress/gzip"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// archive keeps images as packed files at the Anvil server, which knows whose run is
// asking: there is no way to another repository's.
type archive struct {
	server Server
	engine *engine
	max    int64 // of packed bytes
}

func openArchive(o Options, e *engine) (*archive, error) {
	if o.Server == nil {
		return nil, &Problem{Code: CodeSetup, What: "there is no server that could keep images"}
	}
	a := &archive{server: o.Server, engine: e, max: o.Images.MaxBytes}
	if a.max <= 0 {
		a.max = DefaultMaxBytes
	}
	return a, nil
}

func (a *archive) name() string                { return runapi.ImagesArchive }
func (a *archive) reference(key string) string { return "archive:" + tagOf(key) }

func (a *archive) lookup(ctx context.Context, key string) (Found, error) {
	s, ok, err := a.server.FindImage(ctx, tagOf(key))
	switch {
	case err != nil:
		return Found{}, err
	case !ok:
		return Found{}, errMissing
	}
	return Found{Key: key, Reference: a.reference(key), Digest: s.Digest, Bytes: s.Size}, nil
}

// local is the tag under which the engine keeps what came as an archive, so that the
// next run on the machine finds it by the archive's digest.
func local(digest string) string { return "localhost/anvil-env:" + digest[len("sha256:"):] }

var digestForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

func (a *archive) pull(ctx context.Context, f Found) (Image, bool, error) {
	if !digestForm.MatchString(f.Digest) {
		return Image{}, false, &Problem{Code: CodeDigest, What: "the server named no digest"}
	}
	if d, err := a.engine.describe(ctx, local(f.Digest)); err == nil {
		return Image{ID: d.ID, Digest: f.Digest}, true, nil
	}
	file, err := os.CreateTemp(a.engine.temp, "anvil-image-*")
	if err != nil {
		return Image{}, false, err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	_, err = a.server.FetchImage(ctx, tagOf(f.Key), f.Digest, file, a.max)
	if errors.Is(err, runapi.ErrDamaged) {
		return Image{}, false, &Problem{Code: CodeDigest, What: "another image than " + f.Digest + " came"}
	}
	if err != nil {
		return Image{}, false, err
	}
	return a.load(ctx, file, f.Digest)
}

var loaded = regexp.MustCompile(`Loaded image(?: ID)?: (\S+)`)

// load gives the engine a file whose bytes have the digest.
func (a *archive) load(ctx context.Context, file *os.File, digest string) (Image, bool, error) {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return Image{}, false, err
	}
	var said tail
	if err := a.engine.stream(ctx, nil, file, &said, "load"); err != nil {
		return Image{}, false, err
	}
	m := loaded.FindSubmatch(said)
	if m == nil {
		return Image{}, false, errors.New("the engine did not say what it loaded")
	}
	d, err := a.engine.describe(ctx, string(m[1]))
	if err != nil {
		return Image{}, false, err
	}
	if _, err := a.engine.run(ctx, nil, "tag", d.ID, local(digest)); err != nil {
		return Image{}, false, err
	}
	return Image{ID: d.ID, Digest: digest}, false, nil
}

func (a *archive) push(ctx context.Context, image, key, loose string) (Found, error) {
	file, err := os.CreateTemp(a.engine.temp, "anvil-image-*")
	if err != nil {
		return Found{}, err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	size, err := a.pack(ctx, file, image)
	if err != nil {
		return Found{}, err
	}
	s, err := a.server.StoreImage(ctx, tagOf(key), tagOf(loose), file, size)
	if err != nil {
		return Found{}, err
	}
	// This machine has it already.
	_, err = a.engine.run(ctx, nil, "tag", image, local(s.Digest))
	return Found{Key: key, Reference: a.reference(key), Digest: s.Digest, Bytes: s.Size}, err
}

// pack writes an image into file and returns how many bytes it has there.
func (a *archive) pack(ctx context.Context, file *os.File, image string) (int64, error) {
	bounded := &bounded{w: file, left: a.max}
	packer, err := gzip.NewWriterLevel(bounded, gzip.BestSpeed)
	if err != nil {
		return 0, err
	}
	err = errors.Join(a.engine.stream(ctx, nil, nil, packer, "save", image), packer.Close())
	if bounded.full {
		return 0, &Problem{Code: CodePush, What: fmt.Sprintf("the image is larger than %d bytes packed", a.max)}
	}
	if err != nil {
		return 0, err
	}
	return file.Seek(0, io.SeekCurrent)
}

// A layer cache has nowhere to be but in the image.
func (a *archive) from(context.Context) []string             { return nil }
func (a *archive) to(context.Context, string, bool) []string { return nil }

// bounded refuses what is too much.
type bounded struct {
	w    io.Writer
	left int64
	full bool
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= int64(len(p)); b.left < 0 {
		b.full = true
		return 0, errors.New("too many bytes")
	}
	return b.w.Write(p)
}
