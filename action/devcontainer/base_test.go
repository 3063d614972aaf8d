package devcontainer

import (
	"slices"
	"strings"
	"testing"
)

func TestBases(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		about, text, dockerfile string
		want                    []string
	}{
		{"an image", `{"image": "debian:12"}`, "", []string{"debian:12"}},
		{"nothing", `{}`, "", nil},
		{"stages", `{"build": {"dockerfile": "Dockerfile"}}`, "FROM --platform=$BUILDPLATFORM golang:1.26 AS Tools\nRUN x\nfrom tools as more\nFROM debian:12\n" +
			"COPY --from=more /x /x\nCOPY --chown=1:1 --from=busybox:1 /y /y\nCOPY --from=0 /z /z\nRUN --mount=type=bind,from=alpine,target=/a true\nFROM scratch\nFROM debian:12\n",
			[]string{"golang:1.26", "debian:12", "busybox:1", "alpine"}},
		{"arguments", `{"build": {"dockerfile": "Dockerfile", "args": {"VARIANT": "13"}}}`,
			"ARG VARIANT=12\nARG NAME=\"debian\"\nFROM ${NAME}:$VARIANT\nFROM debian:${NONE:-11}\nFROM reg/${TARGETARCH}/x\nARG LATE=1\nFROM a:\\\n$LATE\n",
			[]string{"debian:13", "debian:11", "reg/${TARGETARCH}/x", "a:$LATE"}},
		{"arguments of arguments", `{"build": {"dockerfile": "Dockerfile"}}`, "ARG TAG=12 NAME=debian\nARG IMAGE=\"$NAME:$TAG\"\nFROM $IMAGE\n", []string{"debian:12"}},
		{"mounts", `{"build": {"dockerfile": "Dockerfile"}}`,
			"FROM a AS one\nRUN --mount=from=b,target=/b --network=none --mount=type=cache,FROM=c,target=/c --mount=type=bind,from=one,target=/d \\\n" +
				"# a remark\n --mount=from=0,target=/e --mount=from=d,target=/f make --mount=from=none\nONBUILD RUN --mount=from=e x\nONBUILD COPY --from=f / /\n",
			[]string{"a", "b", "c", "d", "e", "f"}},
		{"a frontend", `{"build": {"dockerfile": "Dockerfile"}}`, "# syntax = docker/dockerfile:1 option\nFROM a\n# syntax=late\n", []string{"docker/dockerfile:1", "a"}},
		{"a frontend by an argument", `{"build": {"dockerfile": "Dockerfile", "args": {"BUILDKIT_SYNTAX": "other:1"}}}`, "# syntax=docker/dockerfile:1\nFROM a\n", []string{"other:1", "a"}},
		{"what only looks like them", `{"build": {"dockerfile": "Dockerfile"}}`, "FROM a\nRUN cat <<EOF\nFROM b\nCOPY --from=c / /\nEOF\nRUN echo COPY --from=d ,from=e\n", []string{"a"}},
		{"another escape", `{"build": {"dockerfile": "Dockerfile"}}`, "# escape=`\nFROM `\n a\nRUN \\\nFROM b\n", []string{"a", "b"}},
	} {
		found, err := Find(repository(t, map[string]string{".devcontainer.json": c.text, "Dockerfile": c.dockerfile}), "")
		if err != nil {
			t.Fatal(err)
		}
		if got := found.Bases(); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.about, got, c.want)
		}
	}
	found, err := Find(repository(t, map[string]string{".devcontainer.json": `{"features": {"ghcr.io/devcontainers/features/node:1": {}, "localhost:5000/a/b": {},
		"./local": {}, "../up/there.x": {}, "https://a.example/b/c.tgz": {}, "legacy": {}, "owner/repository/feature@v1": {}}}`}), "")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := found.Features(), []string{"ghcr.io/devcontainers/features/node:1", "https://a.example/b/c.tgz", "legacy", "localhost:5000/a/b",
		"owner/repository/feature@v1"}; !slices.Equal(got, want) {
		t.Errorf("features %q, want %q", got, want)
	}
}

// What a base image asks for counts where our image is made of it, and its ONBUILD where a
// stage starts from it.
func TestBasesAreRefusedBeforeTheBuild(t *testing.T) {
	t.Parallel()
	privileged, network := `[{"id": "a"}, {"privileged": true}]`, []string{"RUN id", "RUN --network=host id"}
	for _, c := range []struct {
		about, text, dockerfile, image, label string
		triggers                              []string
		key                                   string // that is refused; empty: nothing
	}{
		{"an image", `{"image": "x"}`, "", "x", privileged, nil, "privileged"},
		{"a usual image", `{"image": "x"}`, "", "x", `[{"remoteUser": "dev", "privileged": false}]`, []string{"RUN id"}, ""},
		{"an image's new key", `{"image": "x"}`, "", "x", `{"new": 1}`, nil, "new"},
		{"a label that is none", `{"image": "x"}`, "", "x", "x", nil, ""},
		{"the last stage", `{"build": {"dockerfile": "Dockerfile"}}`, "ARG V=1\nFROM y AS a\nFROM x:$V AS B\nFROM b\n", "x:1", privileged, nil, "privileged"},
		{"another stage", `{"build": {"dockerfile": "Dockerfile"}}`, "FROM x AS a\nFROM y\nCOPY --from=a / /\n", "x", privileged, nil, ""},
		{"the stage that is asked for", `{"build": {"dockerfile": "Dockerfile", "target": "A"}}`, "FROM x AS a\nFROM y\n", "x", privileged, nil, "privileged"},
		{"a stage that nobody asks for", `{"build": {"dockerfile": "Dockerfile", "target": "a"}}`, "FROM y AS a\nFROM x\n", "x", privileged, nil, ""},
		{"another stage's trigger", `{"build": {"dockerfile": "Dockerfile"}}`, "FROM x AS a\nFROM y\n", "x", "", network, "RUN --network"},
		{"a trigger of no stage", `{"build": {"dockerfile": "Dockerfile"}}`, "FROM y\nCOPY --from=x / /\n", "x", privileged, network, ""},
		{"an image's trigger", `{"image": "x"}`, "", "x", "", network, "RUN --network"},
	} {
		found, err := Find(repository(t, map[string]string{".devcontainer.json": c.text, "Dockerfile": c.dockerfile}), "")
		if err != nil {
			t.Fatal(err)
		}
		err = found.RefuseImage(c.image, []byte(c.label), c.triggers, nil)
		if code, said := codeOf(err); (code == CodeForbidden) != (c.key != "") || !strings.Contains(said, c.key) || c.key != "" && !strings.Contains(said, c.image) {
			t.Errorf("%s: %v; want %q refused", c.about, err, c.key)
		}
		if err := found.RefuseImage(c.image, []byte(c.label), c.triggers, []string{c.key}); err != nil {
			t.Errorf("%s, allowed: %v", c.about, err)
		}
	}
}

// What a base's ONBUILD copies is told like what the Dockerfile copies itself.
func TestWhatTriggersCopy(t *testing.T) {
	t.Parallel()
	const file = `{"build": {"dockerfile": "Dockerfile", "context": ".."}}`
	copied := func(text, changed string, triggers ...string) (images []string, copied string) {
		files := map[string]string{".devcontainer/devcontainer.json": text, ".devcontainer/Dockerfile": "FROM x AS one\n", "go.mod": "a", "go.sum": "a"}
		files[changed] = "b"
		found, err := Find(repository(t, files), "")
		if err != nil {
			t.Fatal(err)
		}
		images, copied, err = found.Triggered(triggers)
		if err != nil {
			t.Fatal(err)
		}
		return images, copied
	}
	for _, c := range []struct {
		about    string
		triggers []string
		sees     []string // which of go.mod and go.sum
		images   []string
	}{
		{"nothing", nil, nil, nil},
		{"no file", []string{"RUN make", "ENV A=b"}, nil, nil},
		{"a file", []string{"RUN id", "COPY go.mod /w/"}, []string{"go.mod"}, nil},
		{"all", []string{"ADD . /w"}, []string{"go.mod", "go.sum"}, nil},
		{"who knows", []string{"COPY $FILE /w/"}, []string{"go.mod", "go.sum"}, nil},
		{"something new", []string{"NEW go.mod"}, []string{"go.mod", "go.sum"}, nil},
		{"what follows a line that seems to go on", []string{`RUN echo \`, "COPY go.mod /w/"}, []string{"go.mod"}, nil},
		{"other images", []string{"COPY --from=one / /", "COPY --from=z:1 / /", "COPY --from=x / /"}, nil, []string{"z:1"}},
	} {
		images, before := copied(file, "other", c.triggers...)
		if !slices.Equal(images, c.images) || (before == "") != (c.sees == nil) {
			t.Errorf("%s: copies %q from %q", c.about, before, images)
		}
		for _, changed := range []string{"go.mod", "go.sum"} {
			if _, after := copied(file, changed, c.triggers...); (after != before) != slices.Contains(c.sees, changed) {
				t.Errorf("%s: with another %s it is %q after %q", c.about, changed, after, before)
			}
		}
	}
	if images, files := copied(`{"image": "x"}`, "other", "COPY . /w"); images != nil || files != "" {
		t.Errorf("an image alone, whose context is the CLI's, copies %q and %q", images, files)
	}
}
