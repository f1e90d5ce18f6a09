package experiment

// positions returns 1, 2, …, n.
func positions(n int) []float64 {
	t := make([]float64, n)
	for i := range t {
		t[i] = float64(i + 1)
	}
	return t
}
