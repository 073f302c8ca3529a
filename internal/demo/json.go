package demo

import (
	"context"
	"fmt"
	"io"

	"github.com/a-h/templ"
)

// jsonText shows JSON. It is no template, since those choose their own spaces and line
// breaks, which are shown here as they are.
func jsonText(lines []jsonLine) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		text := `<pre class="json"><code>`
		for _, line := range lines {
			text += fmt.Sprintf(`<span class="line depth-%d">`, line.Depth)
			if line.Name != "" {
				text += `<span class="j-name">` + templ.EscapeString(line.Name) + `</span>: `
			}
			text += templ.EscapeString(line.Value) + line.Comma
			if line.Note != "" {
				text += ` <span class="j-note">` + templ.EscapeString(line.Note) + `</span>`
			}
			text += "\n</span>"
		}
		_, err := io.WriteString(w, text+`</code></pre>`)
		return err
	})
}

// rawText shows a token as it was sent, the three parts of a JWT in their colours.
func rawText(t tokenView) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		text := `<pre class="raw"><code>`
		if t.Parts == nil {
			text += templ.EscapeString(t.Raw)
		}
		for i, part := range t.Parts {
			if i > 0 {
				text += "."
			}
			text += fmt.Sprintf(`<span class="raw-%d">%s</span>`, i, templ.EscapeString(part))
		}
		_, err := io.WriteString(w, text+`</code></pre>`)
		return err
	})
}
