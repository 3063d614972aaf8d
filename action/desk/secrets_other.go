//go:build !unix

package desk

import "errors"

// Secrets are what a run without a server needs and the agent must not have.
type Secrets struct{ ModelKey, ReadToken string }

// TakeSecrets is for systems on which a process can follow itself.
func TakeSecrets() (Secrets, error) {
	return Secrets{}, errors.New("ALONE_ASSIGNMENT: runs without a server need Linux or macOS")
}
