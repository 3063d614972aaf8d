package notify

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxSpeech is how many characters of an agent's words are told while it works. The rest
// is in the run's log, and its last words are in the task's message.
const maxSpeech = 8000

// SpeechLine begins what the agent of a task says while it works, and is like no other.
func SpeechLine(d Document) string {
	return fmt.Sprintf("The agent of task %s, attempt %d, says:", d.Task, d.Attempt)
}

// SlackSpeech is what the agent has said since the event of a number, and the number of the
// last event in it. It is empty where too much was said already.
func SlackSpeech(d Document, since int64) (text string, last int64) {
	var b strings.Builder
	last, told := since, 0
	for _, said := range d.Speech {
		part := "\n\n" + said.Text.Slack(2000)
		size := utf8.RuneCountInString(part)
		told += size
		if said.Number <= since {
			continue
		}
		last = said.Number
		switch {
		case told <= maxSpeech:
			b.WriteString(part)
		case told-size <= maxSpeech:
			b.WriteString("\n\n… (the workflow run's log has the rest)")
		}
	}
	return b.String(), last
}
