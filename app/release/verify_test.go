package release

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// The running program, which is this test, is compared with checksum files of all kinds.
func TestVerify(t *testing.T) {
	t.Parallel()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	digest, err := digestOf(program)
	if err != nil {
		t.Fatal(err)
	}
	other, system := strings.Repeat("0", 64), runtime.GOOS+"_"+runtime.GOARCH
	released := Build{Version: "v1.2.3", Commit: "abc"}
	for name, c := range map[string]struct {
		build Build
		text  string
		want  anvil.Code
	}{
		"as released":          {released, other + "  anvil-runner_" + system + "\n" + digest + "  anvil_" + system + "\n", ""},
		"binary mode":          {released, digest + " *dist/anvil-v1.2.3-" + runtime.GOOS + "-" + runtime.GOARCH + "\n", ""},
		"it differs":           {released, other + "  anvil_" + system + "\n", CodeDiffers},
		"of another program":   {released, digest + "  anvil-runner_" + system + "\n", CodeChecksums},
		"of another system":    {released, digest + "  anvil_plan9_mips\n", CodeChecksums},
		"nothing listed":       {released, "", CodeChecksums},
		"a page":               {released, "<html>not found</html>", CodeChecksums},
		"too long":             {released, strings.Repeat("\n", maxChecksums+1), CodeChecksums},
		"a development build":  {Build{Commit: "abc"}, digest + "  anvil_" + system, CodeDevelopment},
		"changes in no commit": {Build{Version: "v1.2.3", Changed: true}, digest + "  anvil_" + system, CodeDevelopment},
	} {
		file := filepath.Join(t.TempDir(), "checksums.txt")
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		agreed, err := c.build.Verify(context.Background(), file)
		var p *anvil.Problem
		switch {
		case c.want == "" && (err != nil || agreed.Digest != "sha256:"+digest):
			t.Errorf("%s: %+v, %v", name, agreed, err)
		case c.want != "" && (!errors.As(err, &p) || p.Code != c.want):
			t.Errorf("%s: want %s, got %v", name, c.want, err)
		}
	}
}

// Checksums come from the place of our releases or from a file, and from nowhere else.
func TestChecksumsOfOthersDoNotCount(t *testing.T) {
	t.Parallel()
	for _, source := range []string{
		"http://github.com/x", "https://example.com/checksums.txt", "https://me@github.com/x", "https://github.com.example.com/x", "/nowhere/at/all",
	} {
		_, err := Build{Version: "v1.2.3"}.Verify(context.Background(), source)
		if p := anvil.AsProblem(err); p == nil || p.Code != CodeChecksums {
			t.Errorf("%s: %v", source, err)
		}
	}
}
