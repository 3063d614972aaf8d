package prebuild

import (
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/seed-bc0cc349/anvil/action/workspace"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// CodeInput says that the job was started without something that it needs.
const CodeInput = "PREBUILD_INPUT"

// settings are what the job was started with.
type settings struct {
	repository, branch string // OWNER/NAME, and what the commit is the tip of
	source             workspace.Source
	name               string   // of the dev container; empty: the repository's only one
	allow              []string // keys that touch the host
	build              int      // seconds
	images             runapi.ImageCache
	user, password     string // for the registry; empty: the job's own token, or nobody
}

// read takes the settings out of the job's environment: GITHUB_* is GitHub's, and the
// rest is the workflow's.
func read(getenv func(string) string) (settings, error) {
	s := settings{
		repository: getenv("GITHUB_REPOSITORY"), branch: getenv("GITHUB_REF_NAME"),
		source: workspace.Source{
			URL:    getenv("GITHUB_SERVER_URL") + "/" + getenv("GITHUB_REPOSITORY") + ".git",
			Commit: getenv("GITHUB_SHA"), Token: getenv("GITHUB_TOKEN"),
		},
		name: getenv("ANVIL_ENVIRONMENT"), allow: strings.FieldsFunc(getenv("ANVIL_ALLOW"), func(r rune) bool { return r == ',' || r == ' ' }),
		images: runapi.ImageCache{
			Backend: runapi.ImagesRegistry, Registry: getenv("ANVIL_REGISTRY"), Prefix: getenv("ANVIL_PREFIX"), Repository: getenv("ANVIL_REPOSITORY"),
		},
		user: getenv("ANVIL_REGISTRY_USER"), password: getenv("ANVIL_REGISTRY_PASSWORD"),
	}
	if s.password != "" {
		s.images.Login = runapi.LoginServer
	}
	var missing []string
	for _, name := range []string{"GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_REF_NAME", "GITHUB_SHA"} {
		if getenv(name) == "" {
			missing = append(missing, name)
		}
	}
	if missing != nil {
		return s, input("Not in the environment: "+strings.Join(missing, ", ")+".", "Start it in a job of GitHub Actions, or set them.")
	}
	for name, seconds := range map[string]*int{"ANVIL_BUILD_SECONDS": &s.build, "ANVIL_PUSH_SECONDS": &s.images.PushSeconds} {
		text := getenv(name)
		if text == "" {
			*seconds = 20 * 60
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n <= 0 {
			return s, input(name+" is "+strconv.Quote(text)+".", "Set it to a number of seconds.")
		}
		*seconds = n
	}
	s.images.WaitSeconds = s.images.PushSeconds // there is nothing else to do
	return s, nil
}

func input(what, next string) error { return &runapi.Error{Code: CodeInput, What: what, Next: next} }

// given is the login that the job was started with, in the place of a server's.
type given struct{ host, user, password string }

func (g given) RegistryCredential(context.Context) (runapi.RegistryCredential, error) {
	return runapi.RegistryCredential{Host: g.host, User: g.user, Password: g.password}, nil
}

var errNoServer = errors.New("there is no server here")

func (given) FindImage(context.Context, string) (runapi.StoredImage, bool, error) {
	return runapi.StoredImage{}, false, errNoServer
}

func (given) FetchImage(context.Context, string, string, *os.File, int64) (int64, error) {
	return 0, errNoServer
}

func (given) StoreImage(context.Context, string, string, io.ReaderAt, int64) (runapi.StoredImage, error) {
	return runapi.StoredImage{}, errNoServer
}
