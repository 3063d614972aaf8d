package sanitize

import (
	"fmt"
	"strconv"
	"strings"
)

// Text is text from outside on its way to people: an instruction, an agent's words,
// the output of a command, the name of a file. What it holds is had in forms that are
// safe in some place and in no other way, so that a place in which a task is shown
// can't forget to make it safe. Printed with any verb it is a [Line].
type Text struct{ raw string }

// From takes text from outside.
func From(outside string) Text { return Text{outside} }

// Empty reports whether there is nothing but white space in it.
func (t Text) Empty() bool { return strings.TrimSpace(t.raw) == "" }

// Markdown is the text for GitHub, on lines of its own; see [Markdown].
func (t Text) Markdown() string { return Markdown(strings.TrimSpace(t.raw), "") }

// Line is the text on one line of at most limit characters; see [Line].
func (t Text) Line(limit int) string { return Line(t.raw, limit) }

// Code is the text as an inline code span that it cannot leave.
func (t Text) Code() string { return "`" + strings.ReplaceAll(t.Line(200), "`", "'") + "`" }

// Fence is the text in a code block of its own; see [Fence].
func (t Text) Fence() string { return Fence(t.raw) }

// Path is the text as the name of a file; see [Path].
func (t Text) Path() string { return Path(t.raw) }

// After is the text behind another one, which is ours.
func (t Text) After(ours string) Text { return Text{ours + t.raw} }

// Shell is the text as one word of a shell's command line, in a code block: people copy
// such lines.
func (t Text) Shell() string {
	line := strings.Join(strings.Fields(Terminal(t.raw)), " ")
	if line != "" && strings.Trim(line, "/._-+,=@:0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" {
		return line
	}
	return "'" + strings.ReplaceAll(line, "'", `'\''`) + "'"
}

// Quoted is the text as a string of YAML or Go, for a code block. Nothing in it is
// lost, and nothing in it ends the line.
func (t Text) Quoted() string { return strconv.Quote(t.raw) }

// Plain is the text on one line of a terminal, of at most limit characters.
func (t Text) Plain(limit int) string {
	line := []rune(strings.Join(strings.Fields(Terminal(t.raw)), " "))
	if len(line) > limit {
		return string(line[:limit-1]) + "…"
	}
	return string(line)
}

// Head is the first n lines of the text.
func (t Text) Head(n int) Text {
	lines := strings.SplitAfterN(strings.TrimSpace(t.raw), "\n", n+1)
	if len(lines) > n {
		return Text{strings.Join(lines[:n], "") + "…"}
	}
	return t
}

// Lines reports on how many lines it stands.
func (t Text) Lines() int { return strings.Count(strings.TrimSpace(t.raw), "\n") + 1 }

func (t Text) String() string { return t.Line(200) }

// Format keeps %#v and %x from printing what is inside.
func (t Text) Format(f fmt.State, verb rune) { fmt.Fprintf(f, fmt.FormatString(f, 's'), t.Line(200)) }
