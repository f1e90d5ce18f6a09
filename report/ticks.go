package report

import (
	"fmt"
	"math"
	"strconv"

	"gonum.org/v1/plot"
)

// decades labels some six powers of ten of a logarithmic axis, and 2 and 5
// times them where there are few; plot.LogTicks labels all of them, as
// 9.999999999999998e-05.
type decades struct{}

// Ticks implements plot.Ticker.
func (decades) Ticks(low, high float64) []plot.Tick {
	first, last := int(math.Floor(math.Log10(low))), int(math.Ceil(math.Log10(high)))
	every := max(1, (last-first+5)/6)
	multiples := []float64{1}
	if last-first <= 3 {
		multiples = []float64{1, 2, 5}
	}
	var ticks []plot.Tick
	for e := first; e <= last; e++ {
		for _, m := range multiples {
			tick := plot.Tick{Value: m * math.Pow10(e)}
			if tick.Value < low || tick.Value > high {
				continue
			}
			if e%every == 0 {
				tick.Label = decimal(m, e)
			}
			ticks = append(ticks, tick)
		}
	}
	return ticks
}

// decimal writes m·10^e, m = 1, 2 or 5, as people do.
func decimal(m float64, e int) string {
	if -4 < e && e < 5 {
		return strconv.FormatFloat(m*math.Pow10(e), 'f', max(0, -e), 64)
	}
	return fmt.Sprintf("%ge%d", m, e)
}
