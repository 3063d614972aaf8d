package workspace

import "os/exec"

// Show is the content of a file in the result; empty if it has none.
func (r *Result) Show(path string) string {
	out, _ := exec.Command("git", "--git-dir", r.gitDir, "-c", "safe.directory=*", "show", r.Commit+":"+path).Output()
	return string(out)
}
