package figure

import (
	"encoding/json"
	"math"
	"testing"

	"gonum.org/v1/gonum/floats"
)

func TestNumberIsNullWhenNotFinite(t *testing.T) {
	data, err := json.Marshal([]Number{0.1, Number(math.NaN()), Number(math.Inf(1))})
	if err != nil || string(data) != "[0.1,null,null]" {
		t.Fatalf("%s, %v", data, err)
	}
	var back []Number
	if err := json.Unmarshal(data, &back); err != nil || back[0] != 0.1 ||
		!math.IsNaN(back[1].Float()) {
		t.Fatalf("%v, %v", back, err)
	}
}

func TestTextHasSixDigits(t *testing.T) {
	for x, want := range map[float64]string{1234567: "1.23457e+06", 2. / 3: "0.666667", -2: "-2",
		math.Inf(-1): "not finite"} {
		if got := Text(x); got != want {
			t.Errorf("%v is written %q, want %q", x, got, want)
		}
	}
	if got := Text(math.NaN()); got != "not finite" {
		t.Errorf("NaN is written %q", got)
	}
}

// Values that are nil stay nil, so that what is not known is told from what is
// empty.
func TestValuesComeBack(t *testing.T) {
	for text, want := range map[string]Values{"null": nil, "[]": {},
		"[0.1,null]": {0.1, math.NaN()}} {
		data, err := json.Marshal(want)
		if err != nil || string(data) != text {
			t.Errorf("%v is %s (%v), want %s", want, data, err, text)
		}
		back := Values{7}
		if err := json.Unmarshal(data, &back); err != nil || (back == nil) != (want == nil) ||
			!floats.Same(back, want) {
			t.Errorf("%s is read as %v (%v)", data, back, err)
		}
	}
}
