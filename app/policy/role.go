package policy

// MayWrite reports whether a role permits to ask for work and to have it
// published. Role is as GitHub's collaborator-permission call gives it: a custom
// role counts as the level that it builds on. It is asked when a command comes in
// and again before anything is published.
func MayWrite(role string) bool {
	switch role {
	case "admin", "maintain", "write":
		return true
	}
	return false
}
