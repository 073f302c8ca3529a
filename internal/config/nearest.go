package config

import "near-idp/internal/idp"

// Nearest is idp.Nearest.
func Nearest(word string, candidates []string) string { return idp.Nearest(word, candidates) }
