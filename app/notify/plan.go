package notify

import (
	"encoding/json"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/sanitize"
)

// plan lists the steps that the agent of the present run last reported, or is empty.
// They stand in a list, where a line of text may be and Markdown may not.
func plan(s anvil.Story) string {
	var reported struct {
		Steps []struct {
			Text   string `json:"text"`
			Status string `json:"status"`
		} `json:"steps"`
	}
	for _, e := range s.Events {
		if e.Run != s.Run().ID || e.Source != anvil.FromServer || e.Kind != anvil.KindPlan {
			continue
		}
		reported.Steps = nil
		if json.Unmarshal(e.Data, &reported) != nil {
			return ""
		}
	}
	if len(reported.Steps) == 0 {
		return ""
	}
	var all []step
	for _, r := range reported.Steps {
		st := step{text: sanitize.Line(r.Text, 200), done: r.Status == "done"}
		if r.Status == "in_progress" {
			st.text += " …"
		}
		all = append(all, st)
	}
	return "The agent's plan:\n\n" + strings.TrimSuffix(checklist(all), "\n") + "\n\n"
}
