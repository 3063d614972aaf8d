package sanitize

import (
	"bytes"
	"fmt"
	"image/png"
)

// maxPixels bounds a picture's size: four bytes each are held while it is made anew.
const maxPixels = 20 << 20

// PNG makes a picture from outside anew, from nothing but its pixels: what else a file can
// carry, such as texts, profiles or what follows its end, is left behind.
func PNG(b []byte) ([]byte, error) {
	c, err := png.DecodeConfig(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("not a PNG: %w", err)
	}
	if c.Width < 1 || c.Height < 1 || c.Width > maxPixels/c.Height {
		return nil, fmt.Errorf("a picture of %d by %d points is too large", c.Width, c.Height)
	}
	picture, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("not a whole PNG: %w", err)
	}
	var out bytes.Buffer
	if err := png.Encode(&out, picture); err != nil {
		return nil, fmt.Errorf("write PNG: %w", err)
	}
	return out.Bytes(), nil
}
