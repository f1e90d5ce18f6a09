// Package suggest finds what a mistyped word was meant to be.
package suggest

import (
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// longest is the length, in bytes, from which on a word is no mistyped name and
// is compared with none: that takes time in the product of the two lengths.
const longest = 100

// Nearest returns the words that take fewest changes to become the typed one,
// sorted; none when the nearest are further away than half its letters. The
// typed word is held against the beginnings of longer ones too, since people
// shorten names. Nothing is near a word longer than any name.
func Nearest(typed string, words []string) []string {
	if len(typed) > longest {
		return nil
	}
	var nearest []string
	best := len(typed) / 2
	for _, w := range slices.Sorted(slices.Values(words)) {
		d := levenshtein.ComputeDistance(typed, w)
		if len(w) > len(typed) {
			d = min(d, levenshtein.ComputeDistance(typed, w[:len(typed)]))
		}
		if d < best {
			best, nearest = d, nil
		}
		if d == best && typed != "" {
			nearest = append(nearest, w)
		}
	}
	return nearest
}

// Instead says what to use instead of the typed word, as a question when
// something is near, `did you mean fig3-unitary or fig3-rotation?`, else as
// the list of all words.
func Instead(typed string, words []string) string {
	if nearest := Nearest(typed, words); len(nearest) > 0 {
		return "did you mean " + strings.Join(nearest, " or ") + "?"
	}
	return "use one of " + strings.Join(slices.Sorted(slices.Values(words)), ", ")
}
