package githubtest

import (
	"regexp"
	"strconv"
	"strings"
)

var expression = regexp.MustCompile(`\$\{\{(.*?)\}\}`)

// evaluate replaces the expressions of a run-name. It knows names of the contexts
// that a run-name may use, string literals, and ||. Anything else is empty.
func evaluate(text string, lookup func(string) string) string {
	return expression.ReplaceAllStringFunc(text, func(m string) string {
		for _, term := range strings.Split(expression.FindStringSubmatch(m)[1], "||") {
			term = strings.TrimSpace(term)
			if quoted, is := strings.CutPrefix(term, "'"); is && strings.HasSuffix(quoted, "'") {
				return strings.ReplaceAll(strings.TrimSuffix(quoted, "'"), "''", "'")
			}
			if v := lookup(term); v != "" {
				return v
			}
		}
		return ""
	})
}

// lookup resolves the names that an expression may use.
func (r *run) lookup(name string) string {
	name = strings.NewReplacer("['", ".", "']", "").Replace(name)
	for _, prefix := range []string{"inputs.", "github.event.inputs."} {
		if input, is := strings.CutPrefix(name, prefix); is {
			return r.Inputs[input]
		}
	}
	return map[string]string{
		"github.ref": r.Ref, "github.ref_name": r.Branch, "github.sha": r.SHA, "github.actor": r.Actor.Login,
		"github.triggering_actor": r.Actor.Login, "github.repository": r.repo.FullName(), "github.run_id": strconv.FormatInt(r.ID, 10),
		"github.run_number": strconv.Itoa(r.Number), "github.run_attempt": strconv.Itoa(r.Attempt), "github.event_name": r.Event,
		"github.workflow": r.Name, "github.repository_owner": r.repo.Owner.Login,
	}[name]
}
