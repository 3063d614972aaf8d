package app

import (
	"context"
	"fmt"
	"io"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/runapi"
	"github.com/seed-bc0cc349/anvil/app/sanitize"
)

// screenshot returns a picture of a run's report, made safe. That its digest is one of
// the run's own artifacts was made sure of when the report came in.
func (a *App) screenshot(_ context.Context, run anvil.Run, index int) ([]byte, error) {
	blob, err := a.blobs.Open(run.Report.Screenshots[index].Digest)
	if err != nil {
		return nil, fmt.Errorf("screenshot of run %s: %w", run.ID, err)
	}
	defer blob.Close()
	b, err := io.ReadAll(io.LimitReader(blob, runapi.MaxScreenshotBytes))
	if err != nil {
		return nil, fmt.Errorf("screenshot of run %s: %w", run.ID, err)
	}
	return sanitize.PNG(b)
}
