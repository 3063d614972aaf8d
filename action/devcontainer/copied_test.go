package devcontainer

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// What a Dockerfile's build reads of its context, and so what is in the key. "all" is the
// context as a whole.
func TestWhatADockerfileCopies(t *testing.T) {
	t.Parallel()
	all := []string{"all"}
	for _, c := range []struct {
		about, dockerfile string
		want              []string
	}{
		{"nothing", "FROM x\nRUN make\n", nil},
		{"a file", "FROM x\nCOPY requirements.txt /w/\n", []string{"requirements.txt"}},
		{"several, one of them twice", "FROM x\ncopy go.mod ./go.sum /w/\nAdd /go.mod /v/\n", []string{"go.mod", "go.sum"}},
		{"a folder", "FROM x\nCOPY tools/ /t/\n", []string{"tools/a.sh", "tools/deep/b.sh"}},
		{"a file in a folder", "FROM x\nCOPY tools/deep/b.sh /t/\n", []string{"tools/deep/b.sh"}},
		{"globs", "FROM x\nCOPY go.* t*s/?.sh none* /w/\n", []string{"go.mod", "go.sum", "tools/a.sh"}},
		{"a glob of folders", "FROM x\nCOPY to* /w/\n", []string{"tools/a.sh", "tools/deep/b.sh"}},
		{"a class, and a file that is named like one", "FROM x\nCOPY g[o].mod [[]a]* p/[a] /w/\n", []string{"[a].txt", "go.mod", "p/[a]", "p/a"}},
		{"JSON", "FROM x\nCOPY [\"go.mod\", \"with blank\", \"/w/\"]\n", []string{"go.mod", "with blank"}},
		{"flags", "FROM x\nCOPY --chown=$U:$G --chmod=755 --link go.mod /w/\nADD --checksum=sha256:0 --keep-git-dir=true go.sum /\n", []string{"go.mod", "go.sum"}},
		{"another stage", "FROM x AS a\nCOPY --from=a . /w/\nCOPY --link --from=busybox:1 /bin /bin\nCOPY go.mod /\n", []string{"go.mod"}},
		{"addresses", "FROM x\nADD https://a.example/b.tgz git@a.example:b/c.git https://a.example/d.git#v1:x go.mod /w/\n", []string{"go.mod"}},
		{"continued", "FROM x\nCO\\\nPY go.mod \\  \n  # a remark\n\n\tgo.sum \\\r\n /w/\n", []string{"go.mod", "go.sum"}},
		{"heredocs", "FROM x\nCOPY <<EOF <<-'END' go.mod /w/\nCOPY . /w/\nEOF\n\tRUN x\n\tEND\nRUN cat <<A && make\nCOPY . /\nA\nCOPY go.sum /\n", []string{"go.mod", "go.sum"}},
		{"what are no heredocs", "FROM x\nRUN cat <<< x < y <<<\"z\"\nLABEL a=<<b\nCOPY go.mod /\n", []string{"go.mod"}},
		{"mounts of no context", "FROM x\nRUN --network=none --mount=type=cache,target=/c --mount=from=a,target=/b --mount=type=secret,id=s --mount=type=tmpfs,target=/d make --mount\n", nil},
		{"what is ignored", "FROM x\nCOPY out go.mod /w/\n", []string{"go.mod"}},
		{"the official frontend", "# syntax=docker/dockerfile:1\nFROM x\nCOPY go.mod /\n", []string{"go.mod"}},
		{"the official frontend by its digest", "#syntax = docker.io/docker/dockerfile:1.4@sha256:00\nFROM x\nCOPY go.mod /\n", []string{"go.mod"}},
		{"the usual escape", "# escape=\\\nFROM x\nCOPY go.mod /\n", []string{"go.mod"}},
		{"above the context is the context", "FROM x\nCOPY /./tools//a.sh /w/\n", []string{"tools/a.sh"}},

		{"everything", "FROM x\nCOPY . /w/\n", all},
		{"everything by a slash", "FROM x\nADD / /w/\n", all},
		{"everything beside a file", "FROM x\nCOPY go.mod ./ /w/\n", all},
		{"a variable", "FROM x\nARG F=go.mod\nCOPY $F /w/\n", all},
		{"a variable in JSON", "FROM x\nCOPY [\"${F}\", \"/w/\"]\n", all},
		{"what is no JSON", "FROM x\nCOPY [go.mod, /w/]\n", all},
		{"quotes", "FROM x\nCOPY \"go.mod\" /w/\n", all},
		{"an escaped blank", "FROM x\nCOPY with\\ blank /w/\n", all},
		{"any depth", "FROM x\nCOPY **/a.sh /w/\n", all},
		{"a way up", "FROM x\nCOPY ../go.mod /w/\n", all},
		{"what is not there", "FROM x\nCOPY gone /w/\n", all},
		{"a bad pattern", "FROM x\nCOPY go.[ /w/\n", all},
		{"a link", "FROM x\nCOPY link /w/\n", all},
		{"a link by a glob", "FROM x\nCOPY l* /w/\n", all},
		{"behind a link", "FROM x\nCOPY away/x* /w/\n", all},
		{"the history", "FROM x\nCOPY .git/HEAD /w/\n", all},
		{"--parents", "FROM x\nCOPY --parents tools/a.sh /w/\n", all},
		{"--exclude", "FROM x\nCOPY --exclude=*.md tools /w/\n", all},
		{"a flag that is new", "FROM x\nCOPY --new go.mod /w/\n", all},
		{"a quoted flag", "FROM x\nCOPY --chown=\"a b\" go.mod /w/\n", all},
		{"from nowhere", "FROM x\nCOPY --from= go.mod /w/\n", all},
		{"a mount", "FROM x\nRUN --mount=type=bind,source=go.mod,target=/m make\n", all},
		{"a mount without a type", "FROM x\nRUN --mount=target=/m make\n", all},
		{"a continued mount", "FROM x\nRUN --mo\\\n# a remark\nunt=TYPE=bind,target=/m make\n", all},
		{"a mount by a variable", "FROM x\nRUN --mount=type=$T,target=/m make\n", all},
		{"a quoted mount", "FROM x\nRUN --mount=\"type=cache\",target=/m make\n", all},
		{"a mount after a quoted flag", "FROM x\nRUN --network=\"a b\" --mount=target=/m make\n", all},
		{"a mount that is new", "FROM x\nRUN --mount=type=new,target=/m make\n", all},
		{"an unknown frontend", "# syntax=example.com/other:1\nFROM x\n", all},
		{"an unknown frontend after a shebang", "#!/bin/x\n# check=skip=all\n# Syntax=docker/dockerfile-upstream\nFROM x\n", all},
		{"an unknown frontend behind slashes", "// syntax=example.com/other:1\nFROM x\n", all},
		{"another escape", "# escape=`\nFROM x\nCOPY go.mod `\n /w/\n", all},
		{"an instruction that is new", "FROM x\nTAKE go.mod\n", all},
		{"ONBUILD", "FROM x AS a\nONBUILD COPY go.mod /\nFROM a\n", all},
		{"a base with ONBUILD in a name that nobody can ask for", "FROM node:20-Onbuild-$TARGETARCH\n", all},
		{"a heredoc after quotes", "FROM x\nRUN \"a\" <<EOF\nb\nEOF\n", all},
		{"a heredoc in quotes", "FROM x\nRUN echo \"a <<EOF b\"\nCOPY go.mod /\nRUN cat <<EOF\nEOF\n", all},
		{"what may be a heredoc", "FROM x\nRUN echo $((1<<2))\nCOPY go.mod /\n", all},
		{"a heredoc without an end", "FROM x\nRUN <<EOF\nmake\nCOPY go.mod /\n", all},
		{"a heredoc whose lines end otherwise", "FROM x\r\nRUN <<EOF\r\nmake\r\nEOF\r\nCOPY go.mod /\r\n", all},
		{"a heredoc that ends like an instruction", "FROM x\nRUN <<CMD\nCOPY go.mod /\nCMD\n", all},
		{"a heredoc named by a variable", "FROM x\nCOPY <<$A /w/\nb\nEOF\n", all},
	} {
		t.Run(c.about, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{
				".devcontainer/devcontainer.json": `{"build": {"dockerfile": "Dockerfile", "context": ".."}}`, ".devcontainer/Dockerfile": c.dockerfile,
				"go.mod": "", "go.sum": "", "requirements.txt": "", "with blank": "", "a.sh": "", "tools/a.sh": "", "tools/deep/b.sh": "", "tools/out/c.sh": "", "p/a": "", "p/[a]": "",
				"[a].txt": "", "link": "-> go.mod", "away": "-> ..", "out/d": "", ".dockerignore": "**/out\n", ".git/HEAD": "",
			}
			found, err := Find(repository(t, files), "")
			if err != nil {
				t.Fatal(err)
			}
			in, err := found.Inputs()
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range in.Files {
				if !strings.HasPrefix(f.Path, "ignored by ") {
					got = append(got, f.Path)
				}
			}
			if slices.Contains(got, "away") { // nothing but the whole context has that
				got = all
			}
			if slices.Sort(got); !slices.Equal(got, c.want) {
				t.Errorf("%q copies %q, want %q", c.dockerfile, got, c.want)
			}
		})
	}
}

// A dev container of the usual kind is not built anew for each commit.
func TestWhatIsNotCopiedDoesNotChangeTheKey(t *testing.T) {
	t.Parallel()
	before := copying()
	before[".devcontainer/Dockerfile"] = "FROM x\nCOPY go.mod /\n"
	after := maps.Clone(before)
	after["main.go"], after["link"] = "package main", "-> main.go"
	if keyOf(t, before, nil) != keyOf(t, after, nil) {
		t.Error("a file that no instruction copies changes the key")
	}
}

// The CLI builds from a Dockerfile that it writes elsewhere, so the builder finds no ignore
// file beside the one of the repository; and another engine has one of its own.
func TestWhatIsIgnoredElsewhereIsInTheKey(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ about, name, text, changed string }{
		{"a Dockerfile's own", ".devcontainer/Dockerfile.dockerignore", "go.mod\n", "go.mod"},
		{"Podman's", ".containerignore", "\n", "out/a"},
	} {
		before := copying()
		before[".devcontainer/Dockerfile"] = "FROM x\nCOPY . /w/\n"
		before[c.name] = c.text
		after := maps.Clone(before)
		after[c.changed] = "other"
		if keyOf(t, before, nil) == keyOf(t, after, nil) {
			t.Errorf("%s: a changed %s does not change the key, though it is in the image", c.about, c.changed)
		}
	}
}
