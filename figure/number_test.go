package figure

import (
	"encoding/json"
	"math"
	"testing"
)

func TestNumberIsNullWhenNotFinite(t *testing.T) {
	data, err := json.Marshal([]Number{0.1, Number(math.NaN()), Number(math.Inf(1))})
	if err != nil || string(data) != "[0.1,null,null]" {
		t.Fatalf("%s, %v", data, err)
	}
	var back []Number
	if err := json.Unmarshal(data, &back); err != nil || back[0] != 0.1 || !math.IsNaN(back[1].Float()) {
		t.Fatalf("%v, %v", back, err)
	}
}
