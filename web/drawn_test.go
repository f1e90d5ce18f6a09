package web

import (
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"icar/ar"
	"icar/theory"
)

// TestShape names curves that are known.
func TestShape(t *testing.T) {
	cosine := theory.Cosine{Mean: 0.1, Amplitude: 2, Frequency: 0.4, Phase: 1}
	short := theory.Cosine{Amplitude: 1, Frequency: 2 * math.Pi * 0.4 / 29}
	parabola, wild := make([]float64, 30), make([]float64, 30)
	for i := range parabola {
		parabola[i] = float64((i - 9) * (i - 9))
		wild[i] = float64(i * 7919 % 31)
	}
	for want, row := range map[string][]float64{
		"a cosine of 1.85 periods": cosine.Curve(30), // 0.4 times 29 steps over 2π
		"smooth and no more":       parabola,
		"near its top or bottom":   short.Curve(30), // 0.4 periods
		"no cosine":                wild,
	} {
		var doc Document
		doc.wave(row)
		if got := doc.Figures[0].Caption; !strings.Contains(got, want) {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// TestView draws the coordinate vectors: they stay orthonormal in space, and
// seen from the front the third points up.
func TestView(t *testing.T) {
	v := view{show: 3}
	if x, y := v.project([]float64{1, 2, 3}); x[0] != 1 || y[0] != 3 {
		t.Errorf("from the front (1, 2, 3) is seen at (%v, %v), want (1, 3)", x[0], y[0])
	}
	v = view{show: 3, turn: 0.7, lift: -0.4}
	x, y := v.project([]float64{1, 0, 0, 0, 1, 0, 0, 0, 1})
	var xx, xy, yy float64
	for i := range x {
		xx, xy, yy = xx+x[i]*x[i], xy+x[i]*y[i], yy+y[i]*y[i]
	}
	if d := max(xx-1, 1-xx, yy-1, 1-yy, xy, -xy); d > 1e-15 { // rounding of six products
		t.Errorf("the directions of the drawing have the products %v, %v, %v, want 1, 0, 1", xx, xy,
			yy)
	}
}

// TestTour computes the numbers of the tour again.
func TestTour(t *testing.T) {
	file, err := os.ReadFile("../docs/explorer.md")
	if err != nil {
		t.Fatal(err)
	}
	tour := strings.Join(strings.Fields(string(file)), " ")
	v := values{}
	for _, p := range processParameters {
		v[p.name] = p.value
	}
	v["sigma"], v["shown"] = "0.2", "3"
	const draws = 1000
	var first, mean [2]float64 // how far least squares and ridge regression are off
	nearer := 0
	for seed := range draws {
		v["seed"] = fmt.Sprint(seed + 1)
		q, err := drawSample(v)
		if err != nil {
			t.Fatal(err)
		}
		var off [2]float64
		for i, e := range guessers()[1:3] {
			prediction, err := q.predict(e.Estimator, 3)
			if err != nil {
				t.Fatal(err)
			}
			off[i] = math.Hypot(prediction[0]-q.states[6], prediction[1]-q.states[7])
			mean[i] += off[i] / draws
		}
		if seed == 0 {
			first = off
		}
		if off[1] < off[0] {
			nearer++
		}
	}
	for _, sentence := range []string{
		fmt.Sprintf("is off by %.3f and ridge regression by %.3f.", first[0], first[1]),
		fmt.Sprintf("over its %d draws they are off by %.3f and %.3f on average, and ridge "+
			"regression is nearer in %d.", draws, mean[0], mean[1], nearer),
	} {
		if !strings.Contains(tour, sentence) {
			t.Errorf("docs/explorer.md does not say: %s", sentence)
		}
	}
	descent, err := theory.NewPositionDescent(theory.Position{Tmax: 30, Mu: 50, Rho: 1,
		Noise: ar.CircularNoise}.Rows(), positionRate)
	if err != nil {
		t.Fatal(err)
	}
	cosine, err := theory.FitCosine(descent.At(1000)[28*30 : 29*30])
	if err != nil {
		t.Fatal(err)
	}
	if sentence := fmt.Sprintf("is a parabola that explains %.3f of it.",
		cosine.R2); periods(cosine, 30) >= 0.5 || !strings.Contains(tour, sentence) {
		t.Errorf("docs/explorer.md does not say: %s", sentence)
	}
}
