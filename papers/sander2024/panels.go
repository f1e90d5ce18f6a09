package sander2024

import (
	"math"
	"slices"

	"icar/figure"
)

// encodingPanel shows a positional encoding P, (tmax, tmax) row-major; what
// the causal mask hides stays blank.
func encodingPanel(title string, tmax int, P []float64) figure.Panel {
	m := figure.NewMatrix(tmax-1, tmax, P[:(tmax-1)*tmax])
	for i := range m.Rows {
		for j := i + 2; j < m.Columns; j++ {
			m.Values[i*m.Columns+j] = math.NaN()
		}
	}
	return figure.Panel{Kind: figure.Heatmap, Title: title, X: figure.Axis{Label: "position t"},
		Y: figure.Axis{Label: "context T - 1"}, Matrix: m}
}

// median of a non-empty list.
func median(x []float64) float64 {
	sorted := slices.Sorted(slices.Values(x))
	return (sorted[(len(x)-1)/2] + sorted[len(x)/2]) / 2
}
