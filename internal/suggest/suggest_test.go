package suggest

import (
	"strings"
	"testing"
)

func TestInstead(t *testing.T) {
	words := []string{"fig3-unitary", "fig3-rotation", "fig6", "minima"}
	for typed, want := range map[string]string{
		"fgi3":         "did you mean fig3-rotation or fig3-unitary?",
		"fig3-unitray": "did you mean fig3-unitary?",
		"minim":        "did you mean minima?",
		"xyz":          "use one of fig3-rotation, fig3-unitary, fig6, minima",
		"":             "use one of",
	} {
		if got := Instead(typed, words); !strings.HasPrefix(got, want) {
			t.Errorf("%q: %s, want %s", typed, got, want)
		}
	}
}

// A word longer than any name is no mistyped one and is compared with none: for
// one of a megabyte that would take an hour.
func TestLongWords(t *testing.T) {
	if near := Nearest(strings.Repeat("a", 10<<10),
		[]string{strings.Repeat("a", 10<<10)}); near != nil {
		t.Errorf("%d words are near a word of ten kilobytes", len(near))
	}
}
