package web

import (
	"testing"

	"near-idp/internal/account"
)

// Each type of event that a person is told of has words for it.
func TestEveryTypeOfActivityIsPutIntoWords(t *testing.T) {
	t.Parallel()
	for _, name := range account.ActivityTypes() {
		if occurrences[name] == "" && occurrencesHere[name] == "" {
			t.Errorf("%s has no words", name)
		}
	}
}
