package standalone

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/policy"
	"github.com/seed-bc0cc349/anvil/app/runapi"
	"github.com/seed-bc0cc349/anvil/app/sanitize"
)

// maxRecord bounds each of the first job's records, in bytes. The bundle has the
// inspector's limit.
const maxRecord = 4 << 20

// handover is the first job's directory. Nothing in it is believed yet.
type handover struct {
	root   *os.Root
	alone  runapi.Alone
	finish runapi.FinishRequest
	spent  runapi.Spent
	at     time.Time // when the run began, by its first event
}

func (h *handover) Close() error { return h.root.Close() }

// open reads the records of a directory.
func open(dir string) (*handover, error) {
	bad := func(err error) (*handover, error) {
		return nil, anvil.Problemf(CodeHandover, "Look at the first job's log; then re-run all jobs of the workflow run", "what the first job left cannot be read: %s", policy.Shown(err.Error())).Because(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return bad(err)
	}
	h := &handover{root: root}
	var first runapi.Event
	for name, into := range map[string]any{
		runapi.FileAlone: &h.alone, runapi.FileFinish: &h.finish, runapi.FileSpent: &h.spent, runapi.FileEvents: &first,
	} {
		err := h.read(name, into)
		if errors.Is(err, fs.ErrNotExist) && (name == runapi.FileSpent || name == runapi.FileEvents) {
			err = nil
		}
		if err != nil {
			root.Close()
			return bad(fmt.Errorf("%s: %w", name, err))
		}
	}
	// The commit is dated by it, so it must be the same each time, and not nonsense.
	h.at = first.At
	if now := time.Now(); h.at.After(now) || h.at.Before(now.AddDate(0, -3, 0)) {
		h.at = now
	}
	return h, nil
}

// read decodes the first JSON value of a file.
func (h *handover) read(name string, into any) error {
	f, err := openRegular(h.root, name)
	if err != nil {
		return err
	}
	defer f.Close()
	return json.NewDecoder(io.LimitReader(f, maxRecord)).Decode(into)
}

// screenshot returns a picture, whatever its digest is said to be, made safe.
func (h *handover) screenshot(_ context.Context, _ anvil.Run, index int) ([]byte, error) {
	f, err := openRegular(h.root, runapi.ScreenshotName(index+1))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, runapi.MaxScreenshotBytes))
	if err != nil {
		return nil, err
	}
	return sanitize.PNG(b)
}

func shownPath(paths []string) string {
	if len(paths) == 0 {
		return "none"
	}
	return policy.Shown(paths[0])
}
