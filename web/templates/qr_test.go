package templates

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"rsc.io/qr"
)

// The path covers exactly the black modules, within a border that cameras need.
func TestQRCodeIsDrawnModuleByModule(t *testing.T) {
	t.Parallel()
	run := regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-(\d+)z`)
	for _, address := range []string{"x", "https://login.example.com/d/ABCDEFGHIJKLMNOPQRSTUVWXYZ", strings.Repeat("https://id.example/", 20)} {
		code, err := qr.Encode(address, qr.M)
		if err != nil {
			t.Fatal(err)
		}
		q := drawQR(address)
		black := map[[2]int]bool{}
		rest := run.ReplaceAllStringFunc(q.path, func(piece string) string {
			var n [4]int
			for i, digits := range run.FindStringSubmatch(piece)[1:] {
				n[i], _ = strconv.Atoi(digits)
			}
			if n[2] != n[3] {
				t.Errorf("%s is no rectangle", piece)
			}
			for x := range n[2] {
				black[[2]int{n[0] + x, n[1]}] = true
			}
			return ""
		})
		if rest != "" || q.size != code.Size+8 {
			t.Fatalf("%q beside the rectangles, %d wide", rest, q.size)
		}
		for y := range q.size {
			for x := range q.size {
				if want := code.Black(x-4, y-4); black[[2]int{x, y}] != want {
					t.Fatalf("%s: module %d,%d: black is %v", address, x, y, !want)
				}
			}
		}
	}
	if q := drawQR(strings.Repeat("x", 4000)); q != (qrImage{}) {
		t.Error("a code for more than a code can hold")
	}
}
