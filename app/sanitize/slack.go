package sanitize

import "strings"

// Slack is the text for a block of Slack's, of at most limit characters: it makes no link,
// pings nobody, and has no characters that people can't see. It must stand in a text that
// is verbatim, so that Slack makes nothing of an address either.
func (t Text) Slack(limit int) string {
	text := strings.TrimSpace(visible(withoutEscapes(t.raw, tally{}), tally{}))
	if runes := []rune(text); len(runes) > limit {
		text = strings.TrimSpace(string(runes[:max(limit-1, 0)])) + "…"
	}
	return SlackEscape(text)
}

// SlackEscape writes text so that Slack shows it as it is.
func SlackEscape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}
