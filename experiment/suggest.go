package experiment

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// Suggest returns the words nearest to a mistyped one as a question, or the
// whole list when none is near: `did you mean fig3-unitary or fig3-rotation?`.
// The typed word is held against the beginnings of the others too, since
// people shorten names.
func Suggest(typed string, words []string) string {
	words = slices.Sorted(slices.Values(words))
	var nearest []string
	best := len(typed)/2 + 1 // further away than half the letters is no likeness
	for _, w := range words {
		d := levenshtein.ComputeDistance(typed, w)
		if len(w) > len(typed) {
			d = min(d, levenshtein.ComputeDistance(typed, w[:len(typed)]))
		}
		if d < best {
			best, nearest = d, nil
		}
		if d == best && d <= len(typed)/2 && d < len(typed) {
			nearest = append(nearest, w)
		}
	}
	if len(nearest) == 0 {
		return "use one of " + strings.Join(words, ", ")
	}
	return fmt.Sprintf("did you mean %s?", strings.Join(nearest, " or "))
}
