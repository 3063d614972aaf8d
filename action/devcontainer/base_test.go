package devcontainer

import (
	"slices"
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
