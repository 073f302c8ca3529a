package idp

import "strings"

// Nearest returns the candidate that a person most likely meant by word, or
// "" if none is close. It ignores case, hyphens and underscores.
func Nearest(word string, candidates []string) string {
	if len(word) > 64 {
		return ""
	}
	word = plain(word)
	best, bestDistance := "", max(1, len(word)/3)+1
	for _, candidate := range candidates {
		c := plain(candidate)
		d := distance(word, c)
		if len(word) >= 3 && strings.HasPrefix(c, word) {
			d = min(d, 1)
		}
		if d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// Closest returns the candidate that differs least from text, "" if there is
// none. It compares 256 bytes of what is left without the common beginning and end.
func Closest(text string, candidates []string) string {
	const most = 256
	best, bestDistance := "", -1
	for _, candidate := range candidates {
		a, b := differing(text, candidate)
		d := distance(a[:min(len(a), most)], b[:min(len(b), most)])
		if bestDistance < 0 || d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// differing returns two texts without what they have in common at either end.
func differing(a, b string) (string, string) {
	for a != "" && b != "" && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for a != "" && b != "" && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return a, b
}

func plain(word string) string {
	return strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(word))
}

// distance counts the bytes to insert, delete, replace or swap with a
// neighbour to turn a into b (optimal string alignment).
func distance(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
