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
	labels := 0
	for _, t := range ticks {
		if t.Label != "" {
			labels++
		}
	}
	if labels < 2 { // a narrow range, as 0.31 to 0.38
		return steps{}.Ticks(low, high)
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

// steps ticks a linear axis at the multiples of 1, 2 or 5 times a power of ten
// that are some five between its ends, and nowhere but at whole numbers where
// everything on the axis is one: half a head or half a layer is none.
type steps struct{ whole bool }

// Ticks implements plot.Ticker.
func (s steps) Ticks(low, high float64) []plot.Tick {
	step := niceStep((high - low) / 5)
	if s.whole {
		step = max(1, step)
	}
	digits := max(0, -int(math.Floor(math.Log10(step)+1e-9)))
	const most = 20 // more than fit; where k + 1 = k in float64 there is no end
	var ticks []plot.Tick
	first := math.Ceil(low/step - 1e-9)
	for i := range most {
		k := first + float64(i)
		if !(k*step <= high+1e-9*step) { // so written, NaN ends it
			break
		}
		label := strconv.FormatFloat(k*step, 'f', digits, 64)
		switch {
		case k == 0:
			label = "0"
		case math.Abs(k*step) >= 1e5 || step < 1e-4:
			label = strconv.FormatFloat(k*step, 'g', 3, 64)
		}
		ticks = append(ticks, plot.Tick{Value: k * step, Label: label})
	}
	return ticks
}

// niceStep is the least of 1, 2 and 5 times a power of ten that is not below
// raw > 0.
func niceStep(raw float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= raw*0.999 {
			return m * power
		}
	}
	return 10 * power
}
