package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/png"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/seed-bc0cc349/anvil/action/verify"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// screenshotsDir is where commands leave pictures, in the home of the checks.
const screenshotsDir = "screenshots"

// picture is a screenshot that was taken.
type picture struct {
	title string
	bytes []byte
}

// takeScreenshots runs the repository's commands that make pictures of the change, in the
// place where its checks ran, and keeps what they leave. They are evidence and no check:
// what goes wrong costs a warning.
func (j *job) takeScreenshots(work context.Context, c *surroundings, env []string) {
	j.pictures = nil
	if len(j.assignment.Screenshots) == 0 {
		return
	}
	bench := j.bench(c, append(env,
		"ANVIL_SCREENSHOTS="+path.Join(c.Path(c.home), screenshotsDir),
		"ANVIL_SCREENSHOT_PATHS="+strings.Join(paths(j.views), "\n"),
	))
	bench.Done = func(c runapi.Check) {
		j.log.Quote(fmt.Sprintf("%s: exit code %d, %d ms", c.Name, c.ExitCode, c.DurationMS))
	}
	// Made inside, by who is to write to it.
	plan := verify.Plan{Commands: append([]string{`mkdir -p "$ANVIL_SCREENSHOTS"`}, j.assignment.Screenshots...), Source: ".github/anvil.yml", Stop: true}
	record, err := verify.Run(work, plan, bench)
	switch {
	case err != nil:
		return // the run is stopped, and tells so itself
	case record.Status == runapi.VerifyUnverified:
		j.warn("The screenshots could not be taken: %s.", record.Reason)
	case record.Status != runapi.VerifyPassed && len(record.Checks) > 0:
		last := record.Checks[len(record.Checks)-1]
		j.warn("The screenshots may be incomplete: %q ended with exit code %d.", last.Name, last.ExitCode)
	case record.Status != runapi.VerifyPassed:
		j.warn("The screenshots may be incomplete: %s.", record.Reason)
	}
	j.pictures = j.readPictures(c.home)
	j.log.Say("Took %s.", plural(len(j.pictures), "screenshot"))
}

// readPictures reads what was left in the home of the checks. Who wrote there is not trusted: no link is
// followed out of it, and what is no picture is not taken for one.
func (j *job) readPictures(home string) (all []picture) {
	outer, err := os.OpenRoot(home)
	if err != nil {
		j.warn("The screenshots could not be read: %v", err)
		return nil
	}
	defer outer.Close()
	root, err := outer.OpenRoot(screenshotsDir)
	if err != nil {
		j.warn("The screenshots could not be read: %v", err)
		return nil
	}
	defer root.Close()
	names, err := pictureNames(root)
	if err != nil {
		j.warn("The screenshots could not be read: %v", err)
		return nil
	}
	for _, name := range names {
		if len(all) == runapi.MaxScreenshots {
			j.warn("More than %d screenshots: the rest is left out.", runapi.MaxScreenshots)
			break
		}
		b, err := readPicture(root, name)
		if err != nil {
			j.warn("The screenshot %q is left out: %v", j.fit(name, 100), err)
			continue
		}
		all = append(all, picture{j.fit(titleOf(name, j.views), 200), b})
	}
	return all
}

// pictureNames lists the PNG files of a directory, by name.
func pictureNames(root *os.Root) (names []string, err error) {
	d, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	defer d.Close()
	entries, err := d.ReadDir(1000)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	for _, e := range entries {
		if strings.EqualFold(filepath.Ext(e.Name()), ".png") {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

func readPicture(root *os.Root, name string) ([]byte, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe would keep us waiting
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is no regular file")
	}
	b, err := io.ReadAll(io.LimitReader(f, runapi.MaxScreenshotBytes+1))
	if err != nil {
		return nil, err
	}
	if len(b) > runapi.MaxScreenshotBytes {
		return nil, fmt.Errorf("it is larger than %d bytes", runapi.MaxScreenshotBytes)
	}
	_, err = png.DecodeConfig(bytes.NewReader(b))
	return b, err
}

// titleOf is a picture's title: of the nth view, if its name is n, else its name.
func titleOf(name string, views []runapi.View) string {
	title := strings.TrimSuffix(name, filepath.Ext(name))
	n, err := strconv.Atoi(title)
	if err != nil || n < 1 || n > len(views) {
		return title
	}
	title = "page " + views[n-1].Path
	if note := views[n-1].Note; note != "" {
		title += ": " + note
	}
	return title
}

func paths(views []runapi.View) (all []string) {
	for _, v := range views {
		all = append(all, v.Path)
	}
	return all
}

// uploadScreenshots hands the pictures of what is proposed over.
func (j *job) uploadScreenshots(ctx context.Context) {
	if j.finish.Result != runapi.Proposed {
		return
	}
	for _, p := range j.pictures {
		name := runapi.ScreenshotName(len(j.finish.Screenshots) + 1)
		stored, err := j.holder.Upload(ctx, name, bytes.NewReader(p.bytes), int64(len(p.bytes)))
		if err != nil {
			j.log.Warn("The %s could not be uploaded: %v", name, err)
			continue
		}
		j.finish.Screenshots = append(j.finish.Screenshots, runapi.Screenshot{Title: p.title, Digest: stored.Digest})
	}
}
