package gateway

import (
	"net/http"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// answerHere answers what no upstream has to be asked for: whether anybody is there,
// and which models the run may use.
func answerHere(w http.ResponseWriter, r *http.Request, rt route, p *pass) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !rt.models {
		if r.Method != http.MethodHead {
			_, _ = w.Write([]byte("{}"))
		}
		return
	}
	all := make([]map[string]any, len(p.models))
	for i, name := range p.models {
		if rt.protocol == messages {
			all[i] = map[string]any{"type": "model", "id": name, "display_name": name, "created_at": "1970-01-01T00:00:00Z"}
		} else {
			all[i] = map[string]any{"object": "model", "id": name, "created": 0, "owned_by": "anvil"}
		}
	}
	answer := map[string]any{"object": "list", "data": all}
	if rt.protocol == messages {
		answer = map[string]any{"data": all, "has_more": false, "first_id": nil, "last_id": nil}
		if len(all) > 0 {
			answer["first_id"], answer["last_id"] = p.models[0], p.models[len(all)-1]
		}
	}
	_, _ = w.Write(encode(answer)) // an engine that has gone reads nothing
}

func list(models []string) string {
	if len(models) == 0 {
		return "none, because its engine has no models configured"
	}
	return strings.Join(models, ", ")
}

func id(p *pass) anvil.RunID { return p.caller.Run.ID }

// tokensPerPicture is more than providers count for the largest one.
const tokensPerPicture = 5000
