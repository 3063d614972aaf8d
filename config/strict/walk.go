package strict

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// walk compares a document with the type that it is meant for, before anything
// is decoded: the library's own strictness reports Go type names and no columns.
type walk struct {
	errs Errors
}

var (
	durationType    = reflect.TypeFor[time.Duration]()
	linesType       = reflect.TypeFor[Lines]()
	unmarshalerType = reflect.TypeFor[yaml.Unmarshaler]()
)

func (w *walk) document(n *yaml.Node, target any) {
	if n.Kind != yaml.DocumentNode || len(n.Content) != 1 {
		w.wrong(n, "", "the text is not one YAML document", "")
		return
	}
	root := n.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" && root.Anchor == "" {
		n.Content[0] = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: root.Line, Column: root.Column}
		return
	}
	w.form(root, "", 0)
	if len(w.errs) == 0 {
		w.value(root, reflect.TypeOf(target).Elem(), "")
	}
}

func (w *walk) wrong(n *yaml.Node, path, what, next string) *Error {
	e := &Error{Line: n.Line, Col: n.Column, Path: path, What: what, Next: next}
	if len(w.errs) < maxErrors {
		w.errs = append(w.errs, e)
	}
	return e
}

func (w *walk) syntax(n *yaml.Node, path, what, next string) {
	w.wrong(n, path, what, next).Syntax = true
}

// form checks what holds for all of the text, known keys or not: these are faults
// of its form, and while there are any, nothing else is worth saying.
func (w *walk) form(n *yaml.Node, path string, depth int) {
	switch {
	case depth > maxDepth:
		w.syntax(n, path, "nested too deeply", "Write plain settings")
		return
	case n.Kind == yaml.AliasNode:
		w.syntax(n, path, "an alias is used", "Write the value out; anchors and aliases are not read")
		return
	case n.Anchor != "":
		w.syntax(n, path, "an anchor is used", "Remove it; anchors and aliases are not read")
	case n.Style&yaml.TaggedStyle != 0:
		w.syntax(n, path, "a tag is used", "Remove it; write the plain value")
	}
	switch n.Kind {
	case yaml.SequenceNode:
		for i, item := range n.Content {
			w.form(item, path+"["+strconv.Itoa(i)+"]", depth+1)
		}
	case yaml.MappingNode:
		first := map[string]int{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			switch {
			case key.Kind != yaml.ScalarNode || key.Anchor != "" || key.Style&yaml.TaggedStyle != 0 || key.Tag == "!!merge":
				w.syntax(key, path, "a key is not plain text", "Write key: value")
				continue
			case first[key.Value] > 0:
				w.syntax(key, path, fmt.Sprintf("key %s is given twice, first on line %d", Quote(key.Value), first[key.Value]), "Keep one of the two")
			default:
				first[key.Value] = key.Line
			}
			w.form(n.Content[i+1], join(path, key.Value), depth+1)
		}
	}
}

// value checks n against type t, or says why it cannot be one.
func (w *walk) value(n *yaml.Node, t reflect.Type, path string) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		w.wrong(n, path, "has no value", "Give it one, or remove the key to use the default")
		return
	}
	if t == linesType {
		w.lines(n, path)
		return
	}
	if reflect.PointerTo(t).Implements(unmarshalerType) {
		return // it checks itself
	}
	switch t.Kind() {
	case reflect.Pointer:
		w.value(n, t.Elem(), path)
	case reflect.Struct:
		w.mapping(n, t, path)
	case reflect.Map:
		w.entries(n, t, path)
	case reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			w.wrong(n, path, "is "+found(n)+", where a list is needed", "Write it as [a, b] or with a dash before each")
			return
		}
		for i, item := range n.Content {
			w.value(item, t.Elem(), path+"["+strconv.Itoa(i)+"]")
		}
	default:
		w.scalar(n, t, path)
	}
}

func (w *walk) mapping(n *yaml.Node, t reflect.Type, path string) {
	if !w.keys(n, path) {
		return
	}
	fields, names := fieldsOf(t)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		at := join(path, key.Value)
		field, ok := fields[key.Value]
		if !ok {
			w.wrong(key, path, "unknown key "+Quote(key.Value), didYouMean(key.Value, names))
			continue
		}
		w.value(value, field, at)
	}
}

func (w *walk) entries(n *yaml.Node, t reflect.Type, path string) {
	if !w.keys(n, path) {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		w.value(n.Content[i+1], t.Elem(), join(path, n.Content[i].Value))
	}
}

// keys checks that n is a mapping.
func (w *walk) keys(n *yaml.Node, path string) bool {
	if n.Kind != yaml.MappingNode {
		w.wrong(n, path, "is "+found(n)+", where settings of the form key: value are needed", "Write key: value")
		return false
	}
	return true
}

func (w *walk) lines(n *yaml.Node, path string) {
	if n.Kind == yaml.SequenceNode {
		for i, item := range n.Content {
			w.value(item, reflect.TypeFor[string](), path+"["+strconv.Itoa(i)+"]")
		}
		return
	}
	w.scalar(n, reflect.TypeFor[string](), path)
}

func (w *walk) scalar(n *yaml.Node, t reflect.Type, path string) {
	need, next := "", ""
	switch {
	case t == durationType:
		if d, err := time.ParseDuration(n.Value); n.Kind != yaml.ScalarNode || err != nil || (d != 0 && n.Tag != "!!str") {
			need, next = "a length of time", "Write a number with its unit, such as 90s, 15m or 168h"
		}
	case t.Kind() == reflect.String:
		// A branch may be called 1.0, so numbers are text where text is wanted.
		if n.Kind != yaml.ScalarNode {
			need = "text"
		}
	case t.Kind() == reflect.Bool:
		if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" || (n.Value != "true" && n.Value != "false") {
			need, next = "true or false", "Write true or false"
		}
	case t.Kind() >= reflect.Int && t.Kind() <= reflect.Int64:
		if _, err := strconv.ParseInt(n.Value, 10, t.Bits()); n.Kind != yaml.ScalarNode || n.Tag != "!!int" || err != nil {
			need, next = "a whole number", "Write digits only"
		}
	case t.Kind() == reflect.Float64:
		if f, err := strconv.ParseFloat(n.Value, 64); n.Kind != yaml.ScalarNode || n.Tag != "!!int" && n.Tag != "!!float" || err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			need, next = "a number", "Write digits, with a point before the fraction"
		}
	default:
		need = "something that cannot be written in YAML" // a field of a kind this package does not know
	}
	if need != "" {
		w.wrong(n, path, "is "+found(n)+", where "+need+" is needed", next)
	}
}

func found(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	default:
		return Quote(n.Value)
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func fieldsOf(t reflect.Type) (map[string]reflect.Type, []string) {
	fields := map[string]reflect.Type{}
	var names []string
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name == "" || name == "-" || !f.IsExported() {
			continue
		}
		fields[name] = f.Type
		names = append(names, name)
	}
	return fields, names
}

// Lines is a list of texts that may also be written as a single one.
type Lines []string

// UnmarshalYAML reads either form; [Decode] has checked it before.
func (l *Lines) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.SequenceNode {
		return n.Decode((*[]string)(l))
	}
	var one string
	if err := n.Decode(&one); err != nil {
		return err
	}
	*l = Lines{one}
	return nil
}
