package inspect

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/git"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// objects makes git objects and packs by hand, so that a test can make those
// that git itself would refuse to make.
type objects struct {
	kinds map[string]string
	data  map[string][]byte
	order []string
}

func newObjects() *objects { return &objects{kinds: map[string]string{}, data: map[string][]byte{}} }

func (o *objects) put(kind string, data []byte) string {
	sum := sha1.Sum(append(fmt.Appendf(nil, "%s %d\x00", kind, len(data)), data...))
	id := hex.EncodeToString(sum[:])
	if _, ok := o.kinds[id]; !ok {
		o.kinds[id], o.data[id] = kind, data
		o.order = append(o.order, id)
	}
	return id
}

func (o *objects) blob(content string) string { return o.put("blob", []byte(content)) }

// node is an entry of a tree: the mode, and either content or an id.
type node struct {
	mode, content, id string
}

func file(content string) node     { return node{mode: "100644", content: content} }
func symlink(target string) node   { return node{mode: "120000", content: target} }
func submodule(commit string) node { return node{mode: "160000", id: commit} }

// files is a tree by path. Names are taken as they are: between slashes there
// can be anything.
type files map[string]node

func (o *objects) tree(fs files) string {
	here := map[string]node{}
	below := map[string]files{}
	for path, n := range fs {
		name, rest, deeper := strings.Cut(path, "/")
		if !deeper {
			here[name] = n
			continue
		}
		if below[name] == nil {
			below[name] = files{}
		}
		below[name][rest] = n
	}
	for name, inner := range below {
		here[name] = node{mode: "40000", id: o.tree(inner)}
	}
	names := slices.SortedFunc(maps.Keys(here), func(a, b string) int {
		key := func(name string) string {
			if here[name].mode == "40000" {
				return name + "/"
			}
			return name
		}
		return cmp.Compare(key(a), key(b))
	})
	var raw []byte
	for _, name := range names {
		n := here[name]
		if n.id == "" {
			n.id = o.blob(n.content)
		}
		raw = append(raw, entryBytes(n.mode, name, n.id)...)
	}
	return o.put("tree", raw)
}

func entryBytes(mode, name, id string) []byte {
	raw, err := hex.DecodeString(id)
	if err != nil {
		panic(err)
	}
	return append([]byte(mode+" "+name+"\x00"), raw...)
}

func (o *objects) commit(tree string, parents ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "tree %s\n", tree)
	for _, parent := range parents {
		fmt.Fprintf(&b, "parent %s\n", parent)
	}
	b.WriteString("author Ann <ann@example.com> 1700000000 +0000\ncommitter Ann <ann@example.com> 1700000000 +0000\n\nwork\n")
	return o.put("commit", []byte(b.String()))
}

// pack writes all objects that are not in without.
func (o *objects) pack(without *objects) []byte {
	var entries [][]byte
	for _, id := range o.order {
		if without == nil || without.kinds[id] == "" {
			entries = append(entries, packEntry(map[string]int{"commit": 1, "tree": 2, "blob": 3, "tag": 4}[o.kinds[id]], len(o.data[id]), nil, o.data[id]))
		}
	}
	return packOf(entries...)
}

// packEntry is one object of a pack; a delta has its base's name in front.
func packEntry(kind, size int, base, data []byte) []byte {
	first := byte(kind<<4) | byte(size&15)
	var head []byte
	for size >>= 4; size > 0; size >>= 7 {
		head = append(head, first|0x80)
		first = byte(size & 0x7f)
	}
	head = append(append(head, first), base...)
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	_, _ = z.Write(data)
	_ = z.Close()
	return append(head, b.Bytes()...)
}

func packOf(entries ...[]byte) []byte {
	pack := binary.BigEndian.AppendUint32([]byte("PACK\x00\x00\x00\x02"), uint32(len(entries)))
	for _, entry := range entries {
		pack = append(pack, entry...)
	}
	sum := sha1.Sum(pack)
	return append(pack, sum[:]...)
}

// scene is a repository at its base commit, and an inspector.
type scene struct {
	t         *testing.T
	inspector *Inspector
	dir       string // of the quarantines
	url       string
	origin    *objects
	files     files
	base      string
}

func newScene(t *testing.T, fs files, ours ...Canary) *scene {
	t.Helper()
	program, err := git.Find(t.Context(), git.AllowFiles())
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{t: t, dir: filepath.Join(t.TempDir(), "quarantines"), origin: newObjects(), files: fs}
	s.inspector, err = New(Config{Git: program, Dir: s.dir, Canaries: func() []Canary { return ours }})
	if err != nil {
		t.Fatal(err)
	}
	s.base = s.origin.commit(s.origin.tree(fs))
	dir := filepath.Join(t.TempDir(), "origin.git")
	s.url = "file://" + dir
	s.git("", "init", "--quiet", "--bare", dir)
	s.git(string(s.origin.pack(nil)), "--git-dir="+dir, "unpack-objects", "-q")
	s.git("", "--git-dir="+dir, "update-ref", "refs/heads/main", s.base)
	return s
}

func (s *scene) git(stdin string, args ...string) string {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), "git", args...)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null")
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("git %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// with returns the base's files, changed; a node without a mode is a deletion.
func (s *scene) with(changed files) files {
	fs := maps.Clone(s.files)
	for path, n := range changed {
		if n.mode == "" {
			delete(fs, path)
		} else {
			fs[path] = n
		}
	}
	return fs
}

// propose makes the bundle that an honest runner would make of a tree.
func (s *scene) propose(fs files) Proposal {
	o := newObjects()
	head := o.commit(o.tree(fs), s.base)
	return s.proposal(head, bundleOf("# v2 git bundle\n-"+s.base+" work\n"+head+" "+runapi.BundleRef+"\n\n", o.pack(s.origin)))
}

func (s *scene) proposal(head string, bundle []byte) Proposal {
	return Proposal{Repository: s.url, BaseCommit: s.base, Head: head, Bundle: bytes.NewReader(bundle), Size: int64(len(bundle))}
}

func bundleOf(header string, pack []byte) []byte { return append([]byte(header), pack...) }

func newBundleReader(text string) *bufio.Reader { return bufio.NewReader(strings.NewReader(text)) }

func hexDecode(id string) ([]byte, error) { return hex.DecodeString(id) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// varint is a number as it stands at the beginning of a delta.
func varint(n int) []byte {
	var b []byte
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}
