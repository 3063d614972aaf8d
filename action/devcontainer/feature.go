package devcontainer

import (
	"encoding/json"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/tailscale/hujson"
)

// DependsOn names the features that a feature depends on, in order, by what it says of
// itself: its devcontainer-feature.json, as a registry has it too. What can't be read names
// none: the CLI says so.
func DependsOn(metadata []byte) []string {
	var said struct {
		DependsOn map[string]json.RawMessage `json:"dependsOn"`
	}
	if json.Unmarshal(metadata, &said) != nil {
		return nil
	}
	return slices.Sorted(maps.Keys(said.DependsOn))
}

// Locked is the digest that the lock file has for a feature, which the CLI then takes of it,
// whatever its tag stands for; empty if there is none.
func (c *Configuration) Locked(feature string) (digest string) {
	var lock struct {
		Features map[string]struct{ Integrity string }
	}
	if json.Unmarshal(c.lock(), &lock) != nil {
		return ""
	}
	return lock.Features[feature].Integrity
}

// features names the features that the image is built with, less those that only
// registries know of: local ones, as they are named, and others, each in order. What local
// ones depend on is among them.
func (c *Configuration) features() (local, others []string) {
	named, _ := c.values["features"].(map[string]any)
	seen := map[string]bool{}
	for next := slices.Sorted(maps.Keys(named)); len(next) > 0; next = next[1:] {
		id := next[0]
		if seen[id] {
			continue // which also ends a circle
		}
		switch seen[id] = true; {
		case strings.HasPrefix(id, "."):
			local = append(local, id)
			next = append(next, DependsOn(c.feature(id))...)
		case !strings.HasPrefix(id, "/"):
			others = append(others, id)
		}
	}
	slices.Sort(local)
	slices.Sort(others)
	return local, others
}

// feature is what a local feature says of itself, as JSON; nil if that can't be read.
func (c *Configuration) feature(id string) []byte {
	text, err := readFile(c.root, path.Join(c.dir(), id, "devcontainer-feature.json"))
	if err == nil {
		text, err = ReadFeature(text)
	}
	if err != nil {
		return nil
	}
	return text
}

// ReadFeature reads a devcontainer-feature.json, which may have comments, and returns it as
// JSON.
func ReadFeature(text []byte) ([]byte, error) { return hujson.Standardize(text) }
