package figure

import (
	"encoding/json"
	"fmt"
	"math"
)

// Number is a float64 that JSON can hold when it is not finite: as null.
type Number float64

// Text writes a number for people, to six digits.
func Text(x float64) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return "not finite"
	}
	return fmt.Sprintf("%.6g", x)
}

// Float returns the number as a float64.
func (n Number) Float() float64 { return float64(n) }

// MarshalJSON writes the number, or null when it is NaN or infinite.
func (n Number) MarshalJSON() ([]byte, error) {
	if f := float64(n); !math.IsNaN(f) && !math.IsInf(f, 0) {
		return json.Marshal(f)
	}
	return []byte("null"), nil
}

// UnmarshalJSON reads what MarshalJSON wrote; null becomes NaN.
func (n *Number) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		*n = Number(math.NaN())
		return nil
	}
	return json.Unmarshal(data, (*float64)(n))
}

// Values are numbers of which those that are not finite are null in JSON, as are
// Values that are nil.
type Values []float64

// copied returns values of their own: who draws a figure blanks some of them.
func copied(x []float64) Values { return append(Values{}, x...) }

// MarshalJSON writes the numbers as an array, see [Number.MarshalJSON].
func (v Values) MarshalJSON() ([]byte, error) {
	if v == nil {
		return []byte("null"), nil
	}
	numbers := make([]Number, len(v))
	for i, x := range v {
		numbers[i] = Number(x)
	}
	return json.Marshal(numbers)
}

// UnmarshalJSON reads what MarshalJSON wrote; a null in the array becomes NaN.
func (v *Values) UnmarshalJSON(data []byte) error {
	var numbers []Number
	if err := json.Unmarshal(data, &numbers); err != nil {
		return err
	}
	if *v = nil; numbers != nil {
		*v = make(Values, len(numbers))
	}
	for i, n := range numbers {
		(*v)[i] = float64(n)
	}
	return nil
}
