package sanitize_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/sanitize"
)

// drawn is a picture of some points as a file.
func drawn(t *testing.T, width, height int) (image.Image, []byte) {
	t.Helper()
	m := image.NewNRGBA(image.Rect(0, 0, width, height))
	for x := range width {
		m.Set(x, x%height, color.NRGBA{uint8(x), 90, 200, 255})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return m, b.Bytes()
}

// chunk is a part of a PNG file.
func chunk(kind, content string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(content)))
	b = append(b, kind+content...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

func TestAPictureIsItsPointsAlone(t *testing.T) {
	t.Parallel()
	want, b := drawn(t, 31, 17)
	const header = 8 + 25 // the signature and the first chunk
	dirty := append(append(append([]byte{}, b[:header]...), chunk("tEXt", "Comment\x00a secret remark")...), b[header:]...)
	dirty = append(dirty, "PK: another file behind it"...)
	got, err := sanitize.PNG(dirty)
	if err != nil {
		t.Fatal(err)
	}
	for _, hidden := range []string{"secret", "tEXt", "PK:"} {
		if bytes.Contains(got, []byte(hidden)) {
			t.Errorf("%q is still there", hidden)
		}
	}
	m, err := png.Decode(bytes.NewReader(got))
	if err != nil {
		t.Fatal(err)
	}
	for x := range 31 {
		for y := range 17 {
			if m.At(x, y) != want.At(x, y) {
				t.Fatalf("the point %d, %d is %v instead of %v", x, y, m.At(x, y), want.At(x, y))
			}
		}
	}
}

func TestWhatIsNoPictureIsRefused(t *testing.T) {
	t.Parallel()
	_, good := drawn(t, 8, 8)
	huge := append([]byte{}, good[:8]...)
	huge = append(huge, chunk("IHDR", "\x00\x01\x00\x00\x00\x01\x00\x00\x08\x06\x00\x00\x00")...) // 65536 by 65536
	huge = append(huge, good[33:]...)
	for what, b := range map[string][]byte{
		"nothing": nil, "text": []byte("<svg onload=alert(1)>"), "half": good[:len(good)/2], "the head alone": good[:33], "too large": huge,
	} {
		if _, err := sanitize.PNG(b); err == nil {
			t.Errorf("%s is taken for a picture", what)
		}
	}
}
