package report

import (
	"html/template"
	"strings"
	"unicode"
	"unicode/utf8"

	"icar/outcome"
)

// Finding cuts the statement of a claim into what was found and what was measured to find it,
// which stands after the last ": " and may be absent.
func Finding(statement string) (found, measure string) {
	if i := strings.LastIndex(statement, ": "); i > 0 {
		return statement[:i], statement[i+2:]
	}
	return statement, ""
}

// sentence is a text as a sentence: it begins with a capital, unless with a symbol, and
// ends with a full stop.
func sentence(text string) string {
	text = strings.TrimSpace(text)
	first, size := utf8.DecodeRuneInString(text)
	second, _ := utf8.DecodeRuneInString(text[size:])
	if unicode.IsLower(first) && unicode.IsLower(second) || strings.HasPrefix(text, "a ") {
		text = string(unicode.ToUpper(first)) + text[size:]
	}
	if text != "" && !strings.ContainsAny(text[len(text)-1:], ".?!") {
		text += "."
	}
	return text
}

// evidence says what a claim measured and what it had to be, as its bar shows.
func evidence(c outcome.Claim) string {
	measured := "measured " + Number(c.Measured.Float())
	i := c.Interval
	if i != (outcome.Interval{}) {
		measured = "mean " + Number(i.Mean.Float()) + ", between " + Number(i.Low.Float()) + " and " +
			Number(i.High.Float())
	} else if c.Tolerance > 0 {
		measured += ", give or take " + Number(c.Tolerance)
	}
	switch c.Relation {
	case outcome.AtMost:
		return measured + "; at most " + Number(c.Predicted) + " is claimed"
	case outcome.AtLeast:
		return measured + "; at least " + Number(c.Predicted) + " is claimed"
	}
	return measured + "; " + Number(c.Predicted) + " is predicted"
}

// marked is a text as HTML with real subscripts and powers.
func marked(text string) template.HTML {
	var b strings.Builder
	for _, p := range pieces(text) {
		words := template.HTMLEscapeString(p.words)
		switch p.level {
		case below:
			words = "<sub>" + words + "</sub>"
		case above:
			words = "<sup>" + words + "</sup>"
		}
		b.WriteString(words)
	}
	return template.HTML(b.String())
}

// spoken is a text for those who hear it: "s sub t-1".
func spoken(text string) string {
	var b strings.Builder
	for _, p := range pieces(text) {
		switch p.level {
		case below:
			b.WriteString(" sub ")
		case above:
			b.WriteString(" to the power ")
		}
		b.WriteString(p.words)
	}
	return b.String()
}
