package devcontainer

import (
	"fmt"

	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// Codes of what can be wrong with a dev container.
const (
	CodeConfig    = "DEVC_CONFIG"    // the configuration can't be read, or there is none of that name
	CodeForbidden = "DEVC_FORBIDDEN" // it touches the host
	CodeBuild     = "DEVC_BUILD"     // the image could not be built
	CodeTimeout   = "DEVC_TIMEOUT"   // a step took too long
	CodeMissing   = "DEVC_MISSING"   // a program that builds it is not on the runner
	CodeLifecycle = "DEVC_LIFECYCLE" // a lifecycle command failed
)

func invalid(next, format string, args ...any) error {
	return &runapi.Error{Code: CodeConfig, What: fmt.Sprintf(format, args...) + ".", Next: next}
}

// forbidden refuses a key by the name that the operator would allow it by.
func forbidden(path, key, why string) error {
	return &runapi.Error{
		Code: CodeForbidden, What: fmt.Sprintf("%s: %s is not allowed: %s.", path, key, why),
		Next: fmt.Sprintf("Take it out of the dev container's configuration, or ask the operator to allow %s by that name.", key),
	}
}
