package standalone

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Refuse answers a command that was permitted and cannot be carried out, in its thread.
// Only the second job's token may.
func Refuse(ctx context.Context, j Job, text string) error {
	h, err := connect(j)
	if err != nil {
		return err
	}
	var event struct {
		Repository struct {
			ID    int64 `json:"id"`
			Name  string
			Owner struct {
				Login string `json:"login"`
			} `json:"owner"`
		} `json:"repository"`
		Issue struct {
			Number int `json:"number"`
		} `json:"issue"`
	}
	if err := json.Unmarshal(j.Payload, &event); err != nil || event.Issue.Number == 0 {
		return err
	}
	issue := event.Issue.Number
	repo := anvil.Repository{ID: event.Repository.ID, Installation: noInstallation, Owner: event.Repository.Owner.Login, Name: event.Repository.Name}
	marker := fmt.Sprintf("<!-- anvil:refused/%d:%024x -->", j.RunID, j.RunID)
	if _, found, err := h.FindComment(ctx, repo, issue, marker, time.Time{}); err != nil || found {
		return err
	}
	_, err = h.CreateComment(ctx, repo, issue, text+"\n\n"+marker)
	return err
}

// Report writes the step's outputs, and a line on the workflow run's page.
func (j Job) Report(s anvil.Story) error {
	outcome, pull := "none", ""
	if o := s.Task.Outcome; o != nil {
		outcome = string(o.State)
	}
	if n := s.Session.PullRequest; n != 0 {
		pull = strconv.Itoa(n)
	}
	return j.Write([][2]string{
		{"task", string(s.Task.ID)}, {"outcome", outcome}, {"pull-request", pull}, {"branch", s.Session.Branch},
		{"cost", fmt.Sprintf("%.4f", float64(s.Usage.CostMicros)/1e6)}, {"cache", "none"},
	})
}

// Write appends outputs of the step. None of ours has a line break.
func (j Job) Write(outputs [][2]string) error {
	if j.Output == "" {
		return nil
	}
	f, err := os.OpenFile(j.Output, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("write the step's outputs: %w", err)
	}
	defer f.Close()
	for _, o := range outputs {
		if _, err := fmt.Fprintf(f, "%s=%s\n", o[0], strings.NewReplacer("\n", " ", "\r", " ").Replace(o[1])); err != nil {
			return err
		}
	}
	return nil
}
