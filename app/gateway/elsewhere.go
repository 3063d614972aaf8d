package gateway

import (
	"bytes"
	"encoding/json"
)

// A provider fetches a picture or a document that a request names by an address, from
// wherever that is: a way out that no proxy of ours sees. And what it names by an id is
// what somebody has stored there with our key. Both are noticed while a body is read:
//
//   - Responses and Chat have image_url and its like, as a text or as an object with url;
//     file_id; and file_data, where some providers take an address too.
//   - Messages has an object source, of the type url or file.
//
// In the first two, arguments of tools are text. In Messages they are objects, and
// any key may stand in them: there only a source with such a type counts.

// nest is an object or array that is open, and what is known of it.
type nest struct {
	end       byte // what closes it
	picture   bool // it is the value of image_url or its like
	source    bool // it is the value of source
	elsewhere bool // its type says url or file
}

// key looks at a key of the object in, and at the value that rest begins with. It returns
// what the key says of that value, should it be an object.
func (s *scan) key(key, rest []byte, in *nest) (value nest) {
	text := bytes.HasPrefix(rest, []byte{'"'})
	inline := bytes.HasPrefix(rest, []byte(`"data:`))
	switch string(key) {
	case "image_url", "file_url", "video_url", "audio_url":
		s.named = s.named || text && !inline
		value.picture = true
	case "url":
		s.named = s.named || in.picture && text && !inline
	case "file_data":
		head := rest[:min(len(rest), 40)]
		s.named = s.named || text && (bytes.Contains(head, []byte("://")) || bytes.IndexByte(head, '\\') >= 0)
	case "file_id":
		s.named = s.named || text
	case "source":
		value.source = true
	case "type":
		if end, err := skipString(rest, 0); err == nil {
			kind := string(word(rest[:end]))
			in.elsewhere = in.elsewhere || kind == "url" || kind == "file"
		}
	}
	return value
}

// longestWord is more than a word that counts here takes, however it is written.
const longestWord = len("input_image") * len(`\u0000`)

// word is what a string says, if that is short enough to count here.
func word(quoted []byte) []byte {
	inner := quoted[1 : len(quoted)-1]
	if len(inner) > longestWord || bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	var text string
	if json.Unmarshal(quoted, &text) != nil {
		return nil // the provider refuses it
	}
	return []byte(text)
}

// isPicture reports whether a key or value announces a picture or a file.
func isPicture(word []byte) bool {
	switch string(word) {
	case "image", "image_url", "input_image", "input_file", "document":
		return true
	}
	return false
}
