package runner

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/seed-bc0cc349/anvil/action/workspace"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// collect makes a commit of the agent's tree, even if the work was ended early:
// then what there is may be gone on from later. It returns nil if nothing was
// changed.
func (j *job) collect(work, life context.Context, w *workspace.Workspace) (*workspace.Result, error) {
	halted := haltOf(work)
	switch {
	case halted != nil && halted.lost:
		return nil, halted
	case halted != nil && halted.hurry:
		var cancel context.CancelFunc
		life, cancel = context.WithTimeout(life, 2*time.Second)
		defer cancel()
	}
	r, err := w.Collect(life, "Result of run "+j.assignment.Run)
	if err != nil {
		return nil, &runapi.Error{
			Code: codeWorkspace, What: fmt.Sprintf("The agent's tree could not be made into a commit: %v.", err),
			Next: "Look at the run's log, then say /anvil retry.",
		}
	}
	if r == nil {
		return nil, nil
	}
	for _, name := range r.Removed {
		j.journal.quote(runapi.KindWarning, j.fit("Left out of the result: "+name, maxText), nil)
	}
	return r, nil
}

// propose uploads the bundle of the result.
func (j *job) propose(life context.Context, r *workspace.Result) error {
	if limit := j.limits().bundle; r.Size > limit {
		return &runapi.Error{
			Code: codeTooBig, What: fmt.Sprintf("The change is %d bytes packed; the limit is %d.", r.Size, limit),
			Next: "Ask for less at once, or raise the limit in the server's configuration.",
		}
	}
	f, err := os.Open(r.Bundle)
	if err == nil {
		defer f.Close()
		var stored runapi.ArtifactAnswer
		err = j.insist(life, "upload the change", func() (err error) {
			stored, err = j.holder.Upload(life, runapi.ArtifactBundle, f, r.Size)
			return err
		})
		if err == nil {
			j.uploaded = stored.Digest
			j.log.Say("Collected %s as %s, %d bytes packed.", plural(len(r.Files), "changed file"), short(r.Commit), r.Size)
			return nil
		}
	}
	if h := lostBy(err); h != nil {
		return h
	}
	return &runapi.Error{Code: codeUpload, What: fmt.Sprintf("The change could not be uploaded: %v.", err), Next: "Say /anvil retry."}
}

// attach names the result in what is handed back.
func (j *job) attach(f *runapi.FinishRequest, r *workspace.Result) {
	if r == nil {
		return
	}
	f.Head, f.Bundle = r.Commit, j.uploaded
	j.changed = r.Files
}
