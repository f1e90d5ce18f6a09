package figure

import (
	"encoding/json"
	"math"
)

// Number is a float64 that JSON can hold when it is not finite: as null.
type Number float64

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
