package git

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Entry is one file, symbolic link or submodule of a tree.
type Entry struct {
	Path string
	Mode string
	ID   string
}

// Walk calls visit with every entry of a commit's tree, in order of path.
func (r *Repository) Walk(ctx context.Context, commit string, visit func(Entry) error) error {
	if err := need(commit); err != nil {
		return fmt.Errorf("walking a tree: %w", err)
	}
	_, err := r.program.run(ctx, command{
		dir:  r.dir,
		args: []string{"ls-tree", "-r", "-z", "--full-tree", "--end-of-options", commit},
		stream: func(out io.Reader) error {
			records := newRecords(out)
			for records.Scan() {
				// MODE TYPE ID<tab>PATH
				head, path, ok := strings.Cut(records.Text(), "\t")
				fields := strings.Fields(head)
				if !ok || len(fields) != 3 {
					return fmt.Errorf("ls-tree: unexpected record")
				}
				if err := visit(Entry{Path: path, Mode: fields[0], ID: fields[2]}); err != nil {
					return err
				}
			}
			return records.Err()
		},
	})
	if err != nil {
		return fmt.Errorf("walking a tree: %w", err)
	}
	return nil
}

// Object is what is known of an object without reading it. Type is "missing"
// if it is not here.
type Object struct {
	ID   string
	Type string
	Size int64
}

// Objects calls visit with each of ids, in their order.
func (r *Repository) Objects(ctx context.Context, ids []string, visit func(Object) error) error {
	return r.batch(ctx, "--batch-check", ids, func(out *bufio.Reader) error {
		object, err := parseObject(out)
		if err != nil {
			return err
		}
		return visit(object)
	})
}

// Blobs calls visit with the content of each of ids, in their order. A blob
// larger than limit ends it with an error that wraps [ErrTooBig]. The content
// belongs to visit only until it returns.
func (r *Repository) Blobs(ctx context.Context, ids []string, limit int64, visit func(id string, content []byte) error) error {
	var buffer []byte
	return r.batch(ctx, "--batch", ids, func(out *bufio.Reader) error {
		object, err := parseObject(out)
		switch {
		case err != nil:
			return err
		case object.Type != "blob":
			return fmt.Errorf("object %s is a %s, not a blob", object.ID, object.Type)
		case object.Size > limit:
			return fmt.Errorf("blob %s of %d bytes: %w", object.ID, object.Size, ErrTooBig)
		}
		if int64(cap(buffer)) < object.Size {
			buffer = make([]byte, object.Size)
		}
		buffer = buffer[:object.Size]
		if _, err := io.ReadFull(out, buffer); err != nil {
			return fmt.Errorf("blob %s: %w", object.ID, err)
		}
		if _, err := out.Discard(1); err != nil { // the line's end
			return fmt.Errorf("blob %s: %w", object.ID, err)
		}
		return visit(object.ID, buffer)
	})
}

// batch asks git cat-file for ids and calls read once for each.
func (r *Repository) batch(ctx context.Context, mode string, ids []string, read func(*bufio.Reader) error) error {
	if err := need(ids...); err != nil {
		return fmt.Errorf("reading objects: %w", err)
	}
	if len(ids) == 0 {
		return nil
	}
	_, err := r.program.run(ctx, command{
		dir:   r.dir,
		args:  []string{"cat-file", mode, "--buffer"},
		stdin: strings.NewReader(strings.Join(ids, "\n") + "\n"),
		stream: func(out io.Reader) error {
			buffered := bufio.NewReaderSize(out, 64<<10)
			for range ids {
				if err := read(buffered); err != nil {
					return err
				}
			}
			return nil
		},
	})
	if err != nil {
		return fmt.Errorf("reading objects: %w", err)
	}
	return nil
}

// parseObject reads "ID TYPE SIZE" or "ID missing".
func parseObject(out *bufio.Reader) (Object, error) {
	line, err := out.ReadString('\n')
	if err != nil {
		return Object{}, fmt.Errorf("cat-file: %w", err)
	}
	fields := strings.Fields(line)
	if len(fields) == 2 && fields[1] == "missing" {
		return Object{ID: fields[0], Type: "missing"}, nil
	}
	if len(fields) != 3 {
		return Object{}, fmt.Errorf("cat-file: unexpected line %.80q", line)
	}
	size, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil {
		return Object{}, fmt.Errorf("cat-file: size: %w", err)
	}
	return Object{ID: fields[0], Type: fields[1], Size: size}, nil
}
