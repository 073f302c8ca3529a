package icon

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

const svgNamespace = "http://www.w3.org/2000/svg"

const (
	maxDepth = 32
	// maxUses bounds copies: copies of copies of copies keep a browser busy for ever.
	maxUses = 16
)

// elements are those that draw something, or say how. None of them loads anything,
// runs anything or leads anywhere.
var elements = strings.Fields(`svg g defs symbol use path rect circle ellipse line polyline polygon
	linearGradient radialGradient stop clipPath mask pattern style title desc`)

// attributes are those that matter to the elements. Others are left out.
var attributes = strings.Fields(`id class style d x y x1 y1 x2 y2 cx cy r rx ry fx fy fr width height viewBox points
	transform transform-origin preserveAspectRatio pathLength version color opacity display visibility overflow
	fill fill-opacity fill-rule stroke stroke-width stroke-linecap stroke-linejoin stroke-miterlimit
	stroke-dasharray stroke-dashoffset stroke-opacity vector-effect paint-order clip-path clip-rule clipPathUnits
	mask mask-type maskUnits maskContentUnits patternUnits patternContentUnits patternTransform
	gradientUnits gradientTransform spreadMethod offset stop-color stop-opacity href`)

var (
	// plainStyle is all that colours and shapes need: no strings, escapes or at-rules, which
	// could name another file.
	plainStyle = regexp.MustCompile(`^[A-Za-z0-9\s.,:;#%(){}_+*!>-]*$`)
	cssComment = regexp.MustCompile(`(?s)/\*.*?\*/`)
	reference  = regexp.MustCompile(`(?i)url\(\s*(#[A-Za-z0-9_-]+\s*\))?`)
	ownPart    = regexp.MustCompile(`^#[A-Za-z0-9_.:-]+$`)
)

// A writer writes an SVG anew from the tokens of another.
type writer struct {
	out   bytes.Buffer
	open  []string // the elements around
	skip  int      // depth inside an element of another vocabulary
	style []byte   // the text of a <style>, judged as a whole: comments can cut an address in two
	uses  int
	ended bool
}

func readSVG(data []byte) (*Icon, error) {
	d := xml.NewDecoder(bytes.NewReader(data)) // it knows no entities but XML's own five
	var w writer
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("not an SVG that can be read: %w", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			err = w.start(token)
		case xml.EndElement:
			err = w.end()
		case xml.CharData:
			err = w.text(token)
		}
		if err != nil {
			return nil, err
		}
	}
	if !w.ended {
		return nil, errors.New("not an SVG: the file has no <svg> element")
	}
	return &Icon{"image/svg+xml", w.out.Bytes(), ".svg"}, nil
}

func (w *writer) start(e xml.StartElement) error {
	ours := e.Name.Space == svgNamespace || e.Name.Space == ""
	name := e.Name.Local
	switch {
	case w.ended, len(w.open) == 0 && w.skip == 0 && (!ours || name != "svg"):
		return errors.New("not an SVG: the file must have one <svg> element around everything")
	case len(w.open) > 0 && w.open[len(w.open)-1] == "style":
		return errors.New("<style> has elements inside: it must be text")
	case w.skip > 0, !ours, name == "metadata":
		// What drawing programs note for themselves.
		w.skip++
		return nil
	case !slices.Contains(elements, name):
		return fmt.Errorf("<%s> does not belong in an icon: draw it with paths and shapes", shown(name))
	case len(w.open) == maxDepth:
		return fmt.Errorf("elements are more than %d deep in one another: flatten the drawing", maxDepth)
	}
	if name == "use" {
		if w.uses++; w.uses > maxUses {
			return fmt.Errorf("<use> occurs more than %d times: draw the copies as paths", maxUses)
		}
	}
	w.out.WriteString("<" + name)
	if len(w.open) == 0 {
		w.out.WriteString(` xmlns="` + svgNamespace + `"`)
	}
	w.open = append(w.open, name)
	for _, a := range e.Attr {
		if err := w.attribute(name, a); err != nil {
			return err
		}
	}
	w.out.WriteByte('>')
	return nil
}

func (w *writer) attribute(element string, a xml.Attr) error {
	name := a.Name.Local
	isLink := strings.EqualFold(name, "href") // xlink:href is the old spelling
	switch {
	case strings.HasPrefix(strings.ToLower(name), "on"):
		return fmt.Errorf("<%s %s> would run a script: remove the attribute", element, shown(name))
	case isLink && !ownPart.MatchString(a.Value):
		return fmt.Errorf("<%s> refers to something outside of the file: put it into the drawing", element)
	case isLink:
		name = "href"
	case a.Name.Space != "" || !slices.Contains(attributes, name):
		return nil
	}
	if name != "id" && name != "class" && name != "href" {
		if err := checkStyle(a.Value); err != nil {
			return fmt.Errorf("<%s %s>: %w", element, name, err)
		}
	}
	w.out.WriteString(" " + name + `="`)
	if err := xml.EscapeText(&w.out, []byte(a.Value)); err != nil {
		return err
	}
	w.out.WriteByte('"')
	return nil
}

func (w *writer) end() error {
	if w.skip > 0 {
		w.skip--
		return nil
	}
	last := len(w.open) - 1
	if w.open[last] == "style" {
		style := cssComment.ReplaceAll(w.style, nil)
		w.style = nil
		if err := checkStyle(string(style)); err != nil {
			return fmt.Errorf("<style>: %w", err)
		}
		if err := xml.EscapeText(&w.out, style); err != nil {
			return err
		}
	}
	w.out.WriteString("</" + w.open[last] + ">")
	w.open = w.open[:last]
	w.ended = last == 0
	return nil
}

func (w *writer) text(text []byte) error {
	switch {
	case w.skip > 0 || len(w.open) == 0:
		return nil
	case w.open[len(w.open)-1] == "style":
		w.style = append(w.style, text...)
		return nil
	}
	return xml.EscapeText(&w.out, text)
}

// checkStyle refuses what could load something: an address, or a way to hide one.
func checkStyle(value string) error {
	if !plainStyle.MatchString(value) {
		return errors.New("quotes, escapes, @-rules and addresses do not belong in an icon: remove them")
	}
	for _, m := range reference.FindAllStringSubmatch(value, -1) {
		if m[1] == "" {
			return errors.New("url() refers to something outside of the file: put it into the drawing")
		}
	}
	return nil
}

// shown is a name from the file, cut so that it fits an error.
func shown(name string) string { return name[:min(len(name), 40)] }
