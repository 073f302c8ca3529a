package referees

import (
	"encoding/json"
	"strings"
)

// A registration is what `idp client create --preset` prints: a client, and what to
// paste into its software.
type registration struct {
	*site
	ClientID string `json:"client_id"`
	Secret   string `json:"client_secret"`
	Snippet  struct {
		Blocks []struct{ Place, Text string }
	}
}

// register registers an application with the preset of its software, as an operator
// does who has read its recipe.
func (s *site) register(name, preset string, flags ...string) (g registration) {
	s.Helper()
	text := s.run(append([]string{"client", "create", name, "--preset", preset, "-o", "json"}, flags...)...)
	if err := json.Unmarshal([]byte(text), &g); err != nil {
		s.Fatalf("idp client create: %v: %s", err, text)
	}
	g.site = s
	return g
}

// paste is the text for a place.
func (g registration) paste(place string) string {
	g.Helper()
	for _, block := range g.Snippet.Blocks {
		if block.Place == place {
			return block.Text
		}
	}
	g.Fatalf("nothing of %s goes into %q: %+v", g.ClientID, place, g.Snippet.Blocks)
	return ""
}

// set gives a key on a line of its own another value. The test fails if the key is
// not there, since then something else was meant to be tested.
func (g registration) set(text, key, value string) string {
	g.Helper()
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if name, _, ok := strings.Cut(line, "="); ok && strings.TrimSpace(name) == key {
			lines[i] = key + " = " + value
			return strings.Join(lines, "\n")
		}
	}
	g.Fatalf("there is no %s in what is pasted:\n%s", key, text)
	return ""
}
