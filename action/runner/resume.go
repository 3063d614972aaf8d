package runner

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/action/agent"
	"github.com/seed-bc0cc349/anvil/action/conversation"
	"github.com/seed-bc0cc349/anvil/action/workspace"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// maxUnpacked is how much a checkpoint may take in the tree.
const maxUnpacked = 1 << 30

// resumed is what was restored of an earlier run.
type resumed struct {
	tree      bool
	reference string // with which the engine goes on; empty to begin
}

// resume restores what an earlier run of the session left: the tree, and the
// engine's conversation in home. What can't be restored is told and costs a fresh
// start, never the run.
func (j *job) resume(ctx context.Context, w *workspace.Workspace, engine agent.Engine, home string) resumed {
	var got resumed
	r := j.assignment.Resume
	if r == nil {
		return got
	}
	start := time.Now()
	var said []string
	if r.Checkpoint != "" && j.assignment.Merge == nil { // a merge is made anew

		var files int
		err := j.fetched(ctx, w, runapi.ArtifactCheckpoint, r.Checkpoint, j.limits().bundle, func(f *os.File) (err error) {
			files, err = w.Restore(ctx, f.Name(), r.CheckpointHead, maxUnpacked)
			return err
		})
		if got.tree = err == nil; got.tree {
			said = append(said, plural(files, "changed file"))
		} else {
			j.warn("The unfinished work of an earlier run could not be restored; the base commit is what there is: %v", err)
		}
	}
	if r.Conversation != "" {
		limit := j.limits().conversation
		err := j.fetched(ctx, w, runapi.ArtifactConversation, r.Conversation, limit, func(f *os.File) error {
			_, err := conversation.Unpack(f, home, engine.Conversation(), limit)
			return err
		})
		if err == nil {
			got.reference = r.Reference
			said = append(said, "the conversation")
		} else {
			j.warn("The engine's conversation could not be restored; it begins a new one: %v", err)
		}
	}
	if len(said) > 0 {
		j.log.Say("Restored %s in %d ms.", strings.Join(said, " and "), time.Since(start).Milliseconds())
		j.journal.add(runapi.KindNote, "Goes on from an earlier run: "+strings.Join(said, " and ")+".", nil)
	}
	return got
}

// fetched downloads an archive and lets use read it.
func (j *job) fetched(ctx context.Context, w *workspace.Workspace, name, digest string, limit int64, use func(f *os.File) error) error {
	dir, err := w.Scratch("restore")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, name+"-*")
	if err != nil {
		return err
	}
	defer func() {
		_ = f.Close()
		_ = os.Remove(f.Name())
	}()
	if _, err := j.holder.Restore(ctx, name, digest, f, limit); err != nil {
		return err
	}
	if _, err := f.Seek(0, 0); err != nil {
		return err
	}
	return use(f)
}

// prompt is what the agent is told. One that goes on with its conversation after a
// question is told the answer, as its next instruction; one that could not get it
// back needs to know all.
func (j *job) prompt(got resumed) string {
	p, note := j.assignment.Prompt, j.note(got)
	if n := len(p.Exchanges); n > 0 && got.reference != "" {
		p.Instruction, p.Exchanges = p.Exchanges[n-1].Answer, nil
		note = "The instruction is a person's answer to the question that you asked. " + note
	}
	return agent.Envelope(p, rand.Text(), strings.TrimSpace(note+" "+j.mergeNote()+" "+j.withoutNote()))
}

// note tells the agent what it finds, so that one that goes on with a conversation
// does not take its memory for what is there.
func (j *job) note(got resumed) string {
	base := short(j.assignment.BaseCommit)
	switch {
	case j.assignment.Merge != nil: // told by itself
		return ""
	case got.tree && got.reference != "":
		return "You go on with the same conversation. The directory is as you left it: your changes since commit " + base + " are in it, not committed."
	case got.tree:
		return "An earlier run left unfinished work for this thread: it is in the directory as changes since commit " + base + ", not committed. Look at it first."
	case got.reference != "":
		return "You go on with the same conversation. The directory is at commit " + base + " of " + j.assignment.BaseRef +
			": what was published of your earlier work is in it, perhaps changed by people, and nothing else. Look before you rely on what you remember."
	}
	return ""
}

// warn tells people of something that goes wrong and does not end the run.
func (j *job) warn(format string, args ...any) {
	text := j.fit(fmt.Sprintf(format, args...), maxText)
	j.log.Warn("%s", text)
	j.journal.add(runapi.KindWarning, text, nil)
}
