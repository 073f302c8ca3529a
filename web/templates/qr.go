package templates

import (
	"fmt"
	"strings"

	"rsc.io/qr"
)

// quiet is the white border of a QR code in modules (ISO/IEC 18004).
const quiet = 4

// A qrImage is a QR code as an SVG path, one unit for each module.
type qrImage struct {
	size int // of a side, with the border
	path string
}

// drawQR draws the code of an address; the zero qrImage if it is too long for one.
func drawQR(address string) qrImage {
	code, err := qr.Encode(address, qr.M)
	if err != nil {
		return qrImage{}
	}
	var path strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			start := x
			for x < code.Size && code.Black(x, y) {
				x++
			}
			if x > start {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", start+quiet, y+quiet, x-start, x-start)
			}
		}
	}
	return qrImage{code.Size + 2*quiet, path.String()}
}

// viewBox is that of the picture.
func (q qrImage) viewBox() string { return fmt.Sprintf("0 0 %d %d", q.size, q.size) }
