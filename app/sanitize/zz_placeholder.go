package sanitize

// PLACEHOLDER so that others can build: whoever writes the real functions deletes
// this file.

import "github.com/seed-bc0cc349/anvil/app/anvil"

func Markdown(s, k string) string                            { return s }
func Line(s string, n int) string                            { return s }
func Fence(s string) string                                  { return "```\n" + s + "\n```" }
func Prompt(where, s string) (string, []anvil.RemovedHidden) { return s, nil }
