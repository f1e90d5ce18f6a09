package report

import (
	"fmt"
	"math"
	"strconv"

	"gonum.org/v1/plot"
)

// decades labels some six powers of ten of a logarithmic axis, and multiples of
// them where there are few; plot.LogTicks labels all of them, as
// 9.999999999999998e-05.
type decades struct{}

// Ticks implements plot.Ticker.
func (decades) Ticks(low, high float64) []plot.Tick {
	const few = 3
	var ticks []plot.Tick
	for _, multiples := range [][]float64{{1}, {1, 2, 5}, {1, 2, 3, 4, 5, 6, 7, 8, 9}} {
		if ticks = logTicks(low, high, multiples); len(ticks) >= few {
			break
		}
	}
	return ticks
}

// logTicks are the multiples of the powers of ten from low to high.
func logTicks(low, high float64, multiples []float64) []plot.Tick {
	first, last := int(math.Floor(math.Log10(low))), int(math.Ceil(math.Log10(high)))
	every := max(1, (last-first+5)/6)
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

// decimal writes m·10^e, m = 1 to 9, as people do.
func decimal(m float64, e int) string {
	if -4 < e && e < 5 {
		return strconv.FormatFloat(m*math.Pow10(e), 'f', max(0, -e), 64)
	}
	return fmt.Sprintf("%ge%d", m, e)
}
