package app

import (
	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/notify"
	"github.com/seed-bc0cc349/anvil/app/publish"
)

// told is a place of package notify, from a story.
func told[T any](place func(notify.Document) T) func(anvil.Story) T {
	return func(s anvil.Story) T { return place(notify.Of(s)) }
}

// Words are the places on GitHub.
func Words() publish.Words {
	return publish.Words{
		Comment: told(notify.Comment), Question: told(notify.Ask), CheckRun: told(notify.CheckRun), Moved: told(notify.Moved), CommitMessage: told(notify.Commit), ReviewAnswer: told(notify.ReviewAnswer),
		PullRequest: func(all []anvil.Story) (title, body string) {
			tasks := make([]notify.Document, len(all))
			for i, s := range all {
				tasks[i] = notify.Of(s)
			}
			return notify.PullRequest(tasks)
		},
	}
}
