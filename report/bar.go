package report

import (
	"fmt"
	"html/template"
	"math"
	"strings"

	"icar/outcome"
)

// bar is what a claim measured, as an interval, beside what it had to be. A claim holds where
// the interval reaches the line of what is predicted, or the side of it that is allowed; of
// the interval of a mean all has to be on that side.
type bar struct {
	low, mean, high float64 // of what was measured
	limit           float64 // what is predicted
	allowed         int     // -1: below the limit, 1: above it, 0: at it
	from, to        float64 // ends of the scale
}

// barOf is the bar of a claim; there is none where what was measured is not finite.
//
// The tolerance of a claim says how far what was measured may be off: it is the interval's
// length on both sides, of an inequality on the side that favours the claim.
func barOf(c outcome.Claim) (b bar, drawn bool) {
	m := c.Measured.Float()
	b = bar{low: m, mean: m, high: m, limit: c.Predicted}
	switch c.Relation {
	case outcome.AtMost:
		b.low, b.allowed = m-c.Tolerance, -1
	case outcome.AtLeast:
		b.high, b.allowed = m+c.Tolerance, 1
	default:
		b.low, b.high = m-c.Tolerance, m+c.Tolerance
	}
	if i := c.Interval; i != (outcome.Interval{}) {
		b.low, b.mean, b.high = i.Low.Float(), i.Mean.Float(), i.High.Float()
	}
	least, most := min(b.low, b.limit, b.mean), max(b.high, b.limit, b.mean)
	pad := 0.12 * (most - least)
	if pad == 0 {
		pad = max(math.Abs(most), 1)
	}
	b.from, b.to = least-pad, most+pad
	length := b.to - b.from
	return b, length > 0 && !math.IsInf(length, 0) && !math.IsNaN(m) // NaN is not
}

// The picture of a bar, in units of its view box.
const barWidth, barHeight = 240, 28

// at is where a value stands in the picture.
func (b bar) at(v float64) float64 { return barWidth * (v - b.from) / (b.to - b.from) }

// drawBar is the bar of a claim as SVG, which says the same in words.
func drawBar(c outcome.Claim) template.HTML {
	b, drawn := barOf(c)
	if !drawn {
		return ""
	}
	verdict := "Fails: "
	if c.Pass {
		verdict = "Holds: "
	}
	var s strings.Builder
	fmt.Fprintf(&s, `<svg class="bar" role="img" viewBox="0 0 %d %d" aria-label="%s">`, barWidth,
		barHeight, template.HTMLEscapeString(verdict+evidence(c)))
	fmt.Fprintf(&s, `<path class="scale" d="M0 22H%d"/>`, barWidth)
	switch limit := b.at(b.limit); b.allowed {
	case -1:
		fmt.Fprintf(&s, `<path class="allowed" d="M0 22H%.1f"/>`, limit)
	case 1:
		fmt.Fprintf(&s, `<path class="allowed" d="M%.1f 22H%d"/>`, limit, barWidth)
	}
	fmt.Fprintf(&s, `<path class="limit" d="M%.1f 2V26"/>`, b.at(b.limit))
	if low, high := b.at(b.low), b.at(b.high); high > low {
		fmt.Fprintf(&s, `<path class="range" d="M%.1f 11H%.1fM%.1f 7v8M%.1f 7v8"/>`, low, high,
			low, high)
	}
	fmt.Fprintf(&s, `<circle class="point" cx="%.1f" cy="11" r="4"/></svg>`, b.at(b.mean))
	return template.HTML(s.String())
}
