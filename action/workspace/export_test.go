package workspace

// MayFetch reports whether a submodule of a repository would be fetched.
func MayFetch(repository, address string, allowed []string) bool {
	at, err := (&Workspace{source: Source{URL: repository}}).resolve(address)
	return err == nil && permitted(allowed, at)
}
