package bench

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// The peers of the runner are what anybody would write to start an agent on a
// commit. Both end by becoming the same static binary, in the tree.
//
//	$1 an empty directory  $2 a clone  $3 the repository's address  $4 the commit
//	$5 the binary          $6 its argument
const (
	// worktreeScript has everything on the machine before it begins: no identity is
	// proved, no assignment asked for, nothing fetched.
	worktreeScript = `set -e
git -C "$2" worktree add --quiet --detach "$1/tree" "$4"
cd "$1/tree"
exec "$5" "$6"
`
	// fetchScript has to fetch the one commit over HTTP, as the runner has.
	fetchScript = `set -e
git init --quiet --bare "$1/base.git"
git -C "$1/base.git" fetch --quiet --no-tags --depth=1 "$3" "$4"
git -C "$1/base.git" worktree add --quiet --detach "$1/tree" "$4"
cd "$1/tree"
exec "$5" "$6"
`
)

// peer lets a peer of the runner do its part, and returns how long it took from
// the start of its process to the first instruction of the binary.
func (w *town) peer(t *testing.T, at site, script string) time.Duration {
	t.Helper()
	dir := t.TempDir()
	stamp, began, ended := filepath.Join(w.bin, "stamp"), filepath.Join(dir, "began"), filepath.Join(dir, "ended")
	cmd := exec.CommandContext(t.Context(), stamp, began, "sh", "-c", script, "sh",
		dir, at.clone, w.hub.URL+"/"+at.repo.FullName()+".git", at.commit, stamp, ended)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("the runner's peer: %v\n%s", err, out)
	}
	took := lastStamp(t, ended).Sub(lastStamp(t, began))
	if script == worktreeScript { // or the clone would remember a hundred trees
		gitOut(t, at.clone, "worktree", "remove", "--force", filepath.Join(dir, "tree"))
	}
	return took
}
