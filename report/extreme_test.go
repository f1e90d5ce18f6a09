package report

import (
	"bytes"
	"math"
	"testing"
	"time"

	"icar/figure"
)

// Figures of numbers at the ends of what a float64 holds are drawn like any
// other, in a moment.
func TestFiguresOfExtremeNumbers(t *testing.T) {
	for name, y := range map[string][]float64{
		"ends":           {-1e308, 1e308},
		"largest":        {-math.MaxFloat64, 0, math.MaxFloat64},
		"one large":      {1e308, 1e308},
		"below 1e307":    {-9e306, 9e306},
		"a rounding off": {1e20, 1e20 + 16384},
		"equal":          {1e16, 1e16},
		"tiny":           {5e-324, 1e-323},
		"all":            {5e-324, 1, 1e306},
		"not finite":     {math.Inf(1), math.NaN(), 2},
	} {
		x := make([]float64, len(y))
		for i := range x {
			x[i] = float64(i)
		}
		for _, logarithmic := range []bool{false, true} {
			axis := figure.Axis{Log: logarithmic}
			picture := figure.Figure{Columns: 2, Panels: []figure.Panel{
				{Kind: figure.Lines, Y: axis,
					Series: []figure.Series{figure.NewSeries("s", figure.Solid, x, y)}},
				{Kind: figure.Heatmap, Matrix: figure.NewMatrix(1, len(y), y)},
			}}
			ended := make(chan error, 1)
			var b bytes.Buffer
			go func() { ended <- Draw(&b, picture, "svg", Paper) }()
			select {
			case err := <-ended:
				if err != nil {
					t.Errorf("%s, logarithmic %v: %v", name, logarithmic, err)
				}
				if bytes.Contains(b.Bytes(), []byte("NaN")) || bytes.Contains(b.Bytes(),
					[]byte("Inf")) {
					t.Errorf("%s, logarithmic %v: the drawing has coordinates that are no numbers",
						name, logarithmic)
				}
			case <-time.After(10 * time.Second):
				t.Fatalf("%s, logarithmic %v: the drawing does not end", name, logarithmic)
			}
		}
	}
}
