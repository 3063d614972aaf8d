package joblog

import "fmt"

// clipped keeps the first and the last part of a text, half its limit each.
type clipped struct {
	limit int
	head  []byte
	tail  []byte
	cut   int64
}

func (c *clipped) write(s string) {
	half := c.limit / 2
	if len(c.tail) == 0 && len(c.head)+len(s) <= half {
		c.head = append(c.head, s...)
		return
	}
	c.tail = append(c.tail, s...)
	// Cut rarely, so that a long text is not copied once for each line.
	if len(c.tail) > 2*half {
		drop := len(c.tail) - half
		c.cut += int64(drop)
		c.tail = append(c.tail[:0], c.tail[drop:]...)
	}
}

func (c *clipped) bytes() []byte {
	tail, cut := c.tail, c.cut
	if over := len(tail) - c.limit/2; over > 0 {
		tail, cut = tail[over:], cut+int64(over)
	}
	out := append([]byte(nil), c.head...)
	if cut > 0 {
		out = append(out, fmt.Sprintf("\n[… %d bytes left out here …]\n", cut)...)
	}
	return append(out, tail...)
}

// Clipped is a writer that keeps the beginning and the end of what is written.
type Clipped struct{ c clipped }

// NewClipped returns a writer that keeps about limit bytes.
func NewClipped(limit int) *Clipped { return &Clipped{clipped{limit: limit}} }

func (c *Clipped) Write(p []byte) (int, error) {
	c.c.write(string(p))
	return len(p), nil
}

// Bytes returns what was kept, with a mark where something is missing.
func (c *Clipped) Bytes() []byte { return c.c.bytes() }
