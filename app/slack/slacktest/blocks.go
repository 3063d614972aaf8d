package slacktest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"unicode/utf8"
)

// linkText is an address in a message, by which Slack would unfurl something.
var linkText = regexp.MustCompile(`https?://`)

// Limits of blocks, as Slack documents them.
const (
	mostBlocks     = 50
	mostSection    = 3000
	mostHeader     = 150
	mostFields     = 10
	mostFieldText  = 2000
	mostElements   = 25 // of an actions block
	mostContext    = 10 // elements of a context block
	mostButtonText = 75
	mostActionID   = 255
	mostValue      = 2000
	mostOptions    = 100
	mostMarkdown   = 12_000 // of all markdown blocks together
)

type textObject struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

type element struct {
	Type     string      `json:"type"`
	Text     any         `json:"text"`
	ActionID string      `json:"action_id"`
	Value    string      `json:"value"`
	URL      string      `json:"url"`
	Options  []option    `json:"options"`
	Label    *textObject `json:"placeholder"`
}

type option struct {
	Text  textObject `json:"text"`
	Value string     `json:"value"`
}

type block struct {
	Type      string          `json:"type"`
	BlockID   string          `json:"block_id"`
	Text      json.RawMessage `json:"text"`
	Fields    []textObject    `json:"fields"`
	Elements  []element       `json:"elements"`
	Accessory *element        `json:"accessory"`
}

// checkBlocks says what is wrong with the blocks of a message, or "".
func checkBlocks(raw json.RawMessage) string {
	var all []block
	if err := json.Unmarshal(raw, &all); err != nil {
		return "blocks are no list of blocks: " + err.Error()
	}
	if len(all) > mostBlocks {
		return fmt.Sprintf("no more than %d items allowed [json-pointer:/blocks]", mostBlocks)
	}
	ids, actions, markdown := map[string]bool{}, map[string]bool{}, 0
	for i, b := range all {
		if b.BlockID != "" && ids[b.BlockID] {
			return fmt.Sprintf("block_id %q is there twice [json-pointer:/blocks/%d]", b.BlockID, i)
		}
		ids[b.BlockID] = true
		if b.Type == "markdown" {
			var text string
			_ = json.Unmarshal(b.Text, &text)
			if markdown += utf8.RuneCountInString(text); markdown > mostMarkdown {
				return "the markdown blocks are too long together"
			}
		}
		if wrong := b.check(actions); wrong != "" {
			return fmt.Sprintf("%s [json-pointer:/blocks/%d]", wrong, i)
		}
	}
	return ""
}

func (b block) check(actions map[string]bool) string {
	var text textObject
	switch b.Type {
	case "section", "header":
		if len(b.Text) > 0 {
			if err := json.Unmarshal(b.Text, &text); err != nil {
				return "text is no text object"
			}
		}
	}
	switch b.Type {
	case "section":
		if text.Text == "" && len(b.Fields) == 0 {
			return "a section needs a text or fields"
		}
		if wrong := text.check("mrkdwn or plain_text", mostSection); wrong != "" && text.Type != "" {
			return wrong
		}
		if len(b.Fields) > mostFields {
			return "too many fields"
		}
		for _, f := range b.Fields {
			if wrong := f.check("mrkdwn or plain_text", mostFieldText); wrong != "" {
				return wrong
			}
		}
		if b.Accessory != nil {
			return b.Accessory.check(actions)
		}
	case "header":
		return text.check("plain_text", mostHeader)
	case "context":
		if n := len(b.Elements); n == 0 || n > mostContext {
			return fmt.Sprintf("a context block has 1 to %d elements", mostContext)
		}
		for _, e := range b.Elements {
			if e.Type != "mrkdwn" && e.Type != "plain_text" && e.Type != "image" {
				return "a context block holds texts and images"
			}
		}
	case "actions":
		if n := len(b.Elements); n == 0 || n > mostElements {
			return fmt.Sprintf("an actions block has 1 to %d elements", mostElements)
		}
		for _, e := range b.Elements {
			if wrong := e.check(actions); wrong != "" {
				return wrong
			}
		}
	case "divider", "markdown", "image", "rich_text":
	default:
		return fmt.Sprintf("unsupported type: %s", b.Type)
	}
	return ""
}

func (t textObject) check(kinds string, most int) string {
	switch n := utf8.RuneCountInString(t.Text); {
	case t.Type != "plain_text" && (t.Type != "mrkdwn" || kinds == "plain_text"):
		return "a text must be " + kinds
	case n == 0:
		return "must be more than 0 characters"
	case n > most:
		return fmt.Sprintf("must be less than %d characters", most+1)
	}
	return ""
}

// check looks at a button or a menu.
func (e element) check(actions map[string]bool) string {
	switch {
	case len(e.ActionID) > mostActionID:
		return "action_id is too long"
	case e.ActionID != "" && actions[e.ActionID]:
		return fmt.Sprintf("action_id %q is there twice", e.ActionID)
	}
	actions[e.ActionID] = true
	switch e.Type {
	case "button":
		text, _ := e.Text.(map[string]any)
		kind, _ := text["type"].(string)
		words, _ := text["text"].(string)
		if len(e.Value) > mostValue {
			return "a button's value is too long"
		}
		return textObject{Type: kind, Text: words}.check("plain_text", mostButtonText)
	case "static_select":
		if n := len(e.Options); n == 0 || n > mostOptions {
			return fmt.Sprintf("a menu has 1 to %d options", mostOptions)
		}
		for _, o := range e.Options {
			if wrong := o.Text.check("plain_text", mostButtonText); wrong != "" {
				return wrong
			}
			if len(o.Value) > 150 {
				return "an option's value is too long"
			}
		}
		return ""
	}
	return fmt.Sprintf("unsupported element: %s", e.Type)
}
