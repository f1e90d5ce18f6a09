package report

import (
	"slices"
	"strings"
	"testing"

	"icar/figure"
)

func TestSubscriptsAndPowersAreTold(t *testing.T) {
	on, sub, power := online, below, above
	for line, want := range map[string][]piece{
		"s_1":             {{"s", on}, {"1", sub}},
		"Γ s_{t-1} = λ_t": {{"Γ s", on}, {"t-1", sub}, {" = λ", on}, {"t", sub}},
		"Σ|s_t|², s_tᵀ":   {{"Σ|s", on}, {"t", sub}, {"|², s", on}, {"t", sub}, {"ᵀ", on}},
		"λ^{T+1}":         {{"λ", on}, {"T+1", power}},
		"weight_decay":    {{"weight_decay", on}},
		"T_max, a_b_c":    {{"T_max, a_b_c", on}},
		"run_7":           {{"run_7", on}},
		"s_ and _1":       {{"s_ and _1", on}},
		"":                {{"", on}},
	} {
		if got := pieces(line); !slices.Equal(got, want) {
			t.Errorf("%q is cut into %v, want %v", line, got, want)
		}
	}
	if got := spoken("s_{t-1} and λ^2"); got != "s sub t-1 and λ to the power 2" {
		t.Errorf("said as %q", got)
	}
	if got := marked("a < s_1"); got != "a &lt; s<sub>1</sub>" {
		t.Errorf("marked as %q", got)
	}
}

// A subscript is drawn lower and three quarters as large as its symbol, after it.
func TestSubscriptsAreDrawnBelow(t *testing.T) {
	svg := svgOf(t, figure.Figure{Title: "W s_9", Panels: []figure.Panel{{Kind: figure.Lines}}},
		Paper)
	at := numbers(t, `translate\(([\d.]+) ([\d.]+)\) scale\(([\d.]+)\)`, svg)
	if len(at) < 2 {
		t.Fatal("no title")
	}
	line, sub := at[0], at[1]
	size := 2048 * line[2]
	if drop := line[1] - sub[1]; sub[2]/line[2] < 0.749 || sub[2]/line[2] > 0.751 ||
		drop < 0.21*size || drop > 0.23*size || sub[0] <= line[0] {
		t.Errorf("%v is followed by %v", line, sub)
	}
	if strings.Contains(svg, "_") {
		t.Error("the figure shows an underscore")
	}
}

// An SVG names no font, which a reader may lack, and says its words.
func TestSVGHoldsItsLetters(t *testing.T) {
	svg := svgOf(t, lettered(), Paper)
	for _, foreign := range []string{"<text", "font"} {
		if strings.Contains(svg, foreign) {
			t.Errorf("the figure holds %q", foreign)
		}
	}
	description, _, _ := strings.Cut(svg, "</desc>")
	for _, want := range []string{"αβγδεζηθκλμνξπρστφχψω", "C = BᵀA", "κ · η, λ",
		"loss ℓ(η), λ"} {
		if !strings.Contains(description, want) {
			t.Errorf("the description lacks %q", want)
		}
	}
}

func TestTextBreaksAtSpaces(t *testing.T) {
	letters := sans(10)
	room := letters.Width("mmmm mmmm")
	if got := wrap("mmmm mmmm mmmm  mm mmmmmmmmmmmm m", letters, room); got !=
		"mmmm mmmm\nmmmm mm\nmmmmmmmmmmmm\nm" {
		t.Errorf("broken as %q", got)
	}
}
