package devcontainer

import (
	"encoding/json"
	"errors"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// harmless are the keys that stay inside a container, or that only editors read. Every
// other key is refused: what a later CLI does with a new one is not known here.
var harmless = []string{
	"$schema", "id", "version", "name", "image", "build", "dockerFile", "context", "features", "overrideFeatureInstallOrder",
	"forwardPorts", "portsAttributes", "otherPortsAttributes", "containerEnv", "remoteEnv", "containerUser", "remoteUser",
	"updateRemoteUserUID", "userEnvProbe", "overrideCommand", "shutdownAction", "init", "workspaceFolder",
	"onCreateCommand", "updateContentCommand", "postCreateCommand", "postStartCommand", "postAttachCommand", "waitFor",
	"hostRequirements", "customizations", "settings", "extensions", "secrets",
}

// reasons say of the other keys what they would do. Their order is the one of refusal.
var reasons = [][2]string{
	{"initializeCommand", "it runs on the host"},
	{"privileged", "it gives the container the host's devices"},
	{"runArgs", "they are options of the container engine"},
	{"capAdd", "it gives the container more of the kernel"},
	{"securityOpt", "it takes the container's confinement away"},
	{"mounts", "they show the container directories of the host or of others"},
	{"workspaceMount", "it shows the container a directory of the host"},
	{"appPort", "it publishes ports on the host"},
	{"dockerComposeFile", "compose files start containers that Anvil does not confine"},
	{"service", "it belongs to a compose file"},
	{"runServices", "they belong to a compose file"},
	{"entrypoint", "it runs beside the programs that Anvil starts"},
}

// engines are features that need the host's container engine, or privileges to run one.
var engines = []string{"docker-outside-of-docker", "docker-from-docker", "docker-in-docker", "kubectl-helm-minikube"}

// Refuse says what in the configuration touches the host, as DEVC_FORBIDDEN with the
// key's name. allow lists the keys that the operator has allowed by name. It looks at
// all that is in the repository; for what features and images bring along there is
// [RefuseMetadata].
func (c *Configuration) Refuse(allow []string) error {
	if err := refuseKeys(c.Path, c.values, allow); err != nil {
		return err
	}
	may := func(key string) bool { return slices.Contains(allow, key) }
	if b, ok := c.values["build"]; ok {
		if err := c.refuseBuild(b, may); err != nil {
			return err
		}
	}
	if !may("localEnv") && hostVariable.Match(must(json.Marshal(c.values))) {
		return forbidden(c.Path, "localEnv", "it reads variables of the host")
	}
	if err := c.refuseFeatures(allow); err != nil {
		return err
	}
	return c.refuseFiles(may)
}

// RefuseMetadata does the same for what a feature or an image says of itself: the label
// devcontainer.metadata, or a merged configuration. from names its source for people.
func RefuseMetadata(from string, text []byte, allow []string) error {
	var list []map[string]any
	if err := json.Unmarshal(text, &list); err != nil {
		var one map[string]any
		if json.Unmarshal(text, &one) != nil {
			return invalid("Rebuild the image with the dev container CLI.", "%s has metadata that can't be read", from)
		}
		list = []map[string]any{one}
	}
	for _, values := range list {
		if err := refuseKeys(from, values, append([]string{"entrypoint"}, allow...)); err != nil {
			return err
		}
	}
	return nil
}

// RefuseImage does the same for one of [Configuration.Bases] before anything is built on
// it, by its label and its ONBUILD instructions. Of other images than the one that ours is
// made of neither has an effect. A label that can't be read is left to the CLI.
func (c *Configuration) RefuseImage(name string, metadata []byte, triggers, allow []string) error {
	if name == c.origin() {
		var refused *runapi.Error
		if err := RefuseMetadata("the image "+name, metadata, allow); errors.As(err, &refused) && refused.Code == CodeForbidden {
			return err
		}
	}
	if slices.Contains(c.Starts(), name) {
		return refuseEntitled("ONBUILD of "+name, []byte(strings.Join(triggers, "\n")), func(key string) bool { return slices.Contains(allow, key) })
	}
	return nil
}

// RefuseFeature does the same for a feature, by what it says of itself (see [DependsOn]),
// before its script is run. Of its keys, those count that the CLI puts into an image's
// metadata: one that it does not know has no effect.
func RefuseFeature(name string, metadata []byte, allow []string) error {
	if err := refuseName("feature "+name, name, allow); err != nil {
		return err
	}
	var values map[string]any
	if json.Unmarshal(metadata, &values) != nil {
		return nil // the CLI says so
	}
	for _, r := range reasons {
		if r[0] != "entrypoint" && asks(values[r[0]]) && !slices.Contains(allow, r[0]) {
			return forbidden("feature "+name, r[0], r[1])
		}
	}
	return nil
}

// refuseName refuses a feature by its name.
func refuseName(where, id string, allow []string) error {
	name := strings.ToLower(path.Base(id))
	name, _, _ = strings.Cut(name, "@")
	name, _, _ = strings.Cut(name, ":")
	switch {
	case slices.Contains(engines, name) && !slices.Contains(allow, name):
		return forbidden(where, name, "the feature needs the host's container engine, or privileges")
	case strings.HasPrefix(strings.ToLower(id), "http://") && !slices.Contains(allow, "features"):
		return forbidden(where, "features", cut(id)+" comes without encryption")
	}
	return nil
}

func refuseKeys(where string, values map[string]any, allow []string) error {
	for _, r := range reasons {
		if v, ok := values[r[0]]; ok && asks(v) && !slices.Contains(allow, r[0]) {
			return forbidden(where, r[0], r[1])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		known := slices.ContainsFunc(reasons, func(r [2]string) bool { return r[0] == key })
		if !known && !slices.Contains(harmless, key) && !slices.Contains(allow, key) {
			return forbidden(where, cut(key), "it is not a key that is known to stay inside the container")
		}
	}
	return nil
}

// asks reports whether a value asks for anything: false, null and empty ones do not.
func asks(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case string:
		return v != ""
	case []any:
		return len(v) > 0
	case map[string]any:
		return len(v) > 0
	}
	return true
}

// hostVariable is a reference to the environment of whoever runs the CLI.
var hostVariable = regexp.MustCompile(`\$\{(localEnv|env):`)

func (c *Configuration) refuseBuild(b any, may func(string) bool) error {
	values, ok := b.(map[string]any)
	if !ok {
		return invalid("Correct it on the base branch.", "%s: build is not an object", c.Path)
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		switch {
		case key == "options" && asks(values[key]) && !may("build.options"):
			return forbidden(c.Path, "build.options", "they are options of the container engine")
		case key == "cacheFrom" && strings.Contains(string(must(json.Marshal(values[key]))), "=") && !may("build.cacheFrom"):
			return forbidden(c.Path, "build.cacheFrom", "what is not just an image's name can read files of the host")
		case !slices.Contains([]string{"dockerfile", "context", "args", "target", "cacheFrom", "options"}, key) && !may("build."+key):
			return forbidden(c.Path, "build."+cut(key), "it is not a key that is known to stay inside the build")
		}
	}
	return nil
}

// refuseFeatures looks at the features that the configuration names, and at local ones that
// these depend on.
func (c *Configuration) refuseFeatures(allow []string) error {
	named, _ := c.values["features"].(map[string]any)
	local, others := c.features()
	for _, id := range slices.Sorted(slices.Values(slices.Concat(slices.Collect(maps.Keys(named)), local, others))) {
		if err := refuseName(c.Path, id, allow); err != nil {
			return err
		}
		if !strings.HasPrefix(id, "/") && !strings.HasPrefix(id, ".") {
			continue
		}
		if i, err := c.root.Stat(path.Join(c.dir(), id)); path.IsAbs(id) || err != nil || !i.IsDir() {
			return forbidden(c.Path, "features", cut(id)+" is not a folder of the repository")
		}
		if err := RefuseFeature(id, c.feature(id), allow); err != nil {
			return err
		}
	}
	return nil
}

// entitled are what a Dockerfile asks of the builder beyond a plain build.
var entitled = regexp.MustCompile(`(?i)--(security|network)[ \t]*=[ \t]*(insecure|host)`)

// quotes are what a flag may have between its letters.
var quotes = regexp.MustCompile("[" + regexp.QuoteMeta(quoting) + "]")

// refuseFiles looks at the Dockerfile and the build context.
func (c *Configuration) refuseFiles(may func(string) bool) error {
	name, context := c.dockerfile()
	if name == "" {
		return nil
	}
	text, err := readFile(c.root, name)
	if err != nil {
		return forbidden(c.Path, "build.dockerfile", cut(name)+" is not a file of the repository")
	}
	if i, err := c.root.Stat(context); err != nil || !i.IsDir() {
		return forbidden(c.Path, "build.context", cut(context)+" is not a folder of the repository")
	}
	return refuseEntitled(name, text, may)
}

// refuseEntitled looks for what instructions ask of the builder.
func refuseEntitled(where string, text []byte, may func(string) bool) error {
	if m := entitled.FindSubmatch(quotes.ReplaceAll(joined(text), nil)); m != nil {
		key := "RUN --" + strings.ToLower(string(m[1]))
		if !may(key) {
			return forbidden(where, key, "it asks the builder for the host's network or privileges")
		}
	}
	return nil
}

// dockerfile names the Dockerfile and the build context in the repository, if the
// configuration has one.
func (c *Configuration) dockerfile() (name, context string) {
	b, _ := c.values["build"].(map[string]any)
	name, _ = b["dockerfile"].(string)
	context, _ = b["context"].(string)
	if name == "" {
		name, _ = c.values["dockerFile"].(string)
	}
	if context == "" {
		context, _ = c.values["context"].(string)
	}
	if name == "" {
		return "", ""
	}
	// An absolute path stays one, and no file of the repository has it.
	at := func(p string) string {
		if path.IsAbs(p) {
			return p
		}
		return path.Join(c.dir(), p)
	}
	return at(name), at(context)
}
