package githubtest

import (
	"net/url"
	"strconv"
	"strings"
)

// diff is what changed between two commits.
type diff struct {
	files              []fileDiff
	additions, deleted int
}

type fileDiff struct {
	path, from       string // from: the former path of a renamed file
	status           string // added, removed, modified or renamed
	additions, lines int    // lines: removed ones
	binary           bool
	patch            string // hunks
}

// patchLimit is how much of a diff is kept for showing.
const patchLimit = 1 << 20

// diff compares two commits file by file.
func (s *Server) diff(dir, from, to string) (diff, error) {
	var d diff
	stat, err := s.git.about(dir, "diff", "--no-ext-diff", "--no-textconv", "-M", "-z", "--numstat", from, to, "--")
	if err != nil {
		return d, err
	}
	names, err := s.git.about(dir, "diff", "--no-ext-diff", "--no-textconv", "-M", "-z", "--name-status", from, to, "--")
	if err != nil {
		return d, err
	}
	patch, err := s.git.about(dir, "diff", "--no-ext-diff", "--no-textconv", "-M", "--no-color", from, to, "--")
	if err != nil {
		return d, err
	}
	hunks := splitPatch(string(patch[:min(len(patch), patchLimit)]))

	kinds := strings.Split(string(names), "\x00")
	status := map[string]string{}
	for i := 0; i+1 < len(kinds); i += 2 {
		switch k := kinds[i]; k[:min(1, len(k))] {
		case "A":
			status[kinds[i+1]] = "added"
		case "D":
			status[kinds[i+1]] = "removed"
		case "R", "C":
			i++
			status[kinds[i+1]] = "renamed"
		default:
			status[kinds[i+1]] = "modified"
		}
	}
	fields := strings.Split(string(stat), "\x00")
	for i := 0; i < len(fields); i++ {
		f := strings.SplitN(fields[i], "\t", 3)
		if len(f) != 3 {
			continue
		}
		file := fileDiff{path: f[2], binary: f[0] == "-"}
		file.additions, _ = strconv.Atoi(f[0])
		file.lines, _ = strconv.Atoi(f[1])
		if file.path == "" && i+2 < len(fields) {
			file.from, file.path = fields[i+1], fields[i+2]
			i += 2
		}
		file.status = status[file.path]
		if n := len(d.files); n < len(hunks) {
			file.patch = hunks[n]
		}
		d.additions += file.additions
		d.deleted += file.lines
		d.files = append(d.files, file)
	}
	return d, nil
}

// splitPatch returns the hunks of each file of a patch, in order.
func splitPatch(patch string) []string {
	var out []string
	for _, part := range strings.Split("\n"+patch, "\ndiff --git ")[1:] {
		if _, hunks, found := strings.Cut(part, "\n@@ "); found {
			out = append(out, "@@ "+hunks)
		} else {
			out = append(out, "")
		}
	}
	return out
}

func (s *Server) filesJSON(repo *repository, head string, d diff) []obj {
	list := []obj{}
	for _, f := range d.files {
		escaped := (&url.URL{Path: f.path}).EscapedPath()
		sha, _ := s.git.line(repo.dir, "rev-parse", "--verify", "--quiet", head+":"+f.path)
		o := obj{
			"sha": textOrNull(sha), "filename": f.path, "status": f.status, "additions": f.additions, "deletions": f.lines,
			"changes": f.additions + f.lines, "blob_url": s.addr(repo.FullName(), "blob", head, escaped),
			"raw_url":      s.addr(repo.FullName(), "raw", head, escaped),
			"contents_url": s.api("repos", repo.FullName(), "contents", escaped) + "?ref=" + head,
		}
		if f.patch != "" {
			o["patch"] = f.patch
		}
		if f.from != "" {
			o["previous_filename"] = f.from
		}
		list = append(list, o)
	}
	return list
}
