package gateway

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// keptMost bounds what is kept of one answer.
const keptMost = 8 << 20

// hear keeps a part of the answer, if the operator asked for that.
func (c *call) hear(chunk []byte) {
	if c.answer != nil && c.answer.Len()+len(chunk) <= keptMost {
		c.answer.Write(chunk)
	}
}

// file stores what was said in a call as artifacts of its run, if the operator asked
// for that.
func (g *Gateway) file(c *call) {
	if c.answer == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), 30*time.Second)
	defer cancel()
	for _, part := range []struct {
		name    string
		content []byte
	}{{"request", c.request.body}, {"answer", c.answer.Bytes()}} {
		name := fmt.Sprintf("%s%d-%s", anvil.PromptArtifact, c.row.ID, part.name)
		if err := g.keep(ctx, c.row.Run, name, bytes.NewReader(part.content)); err != nil {
			g.log.Error("what was said to a model could not be kept", "run", c.row.Run, "name", name, "error", err)
			return
		}
	}
}
