package nn

// Shapes: T time, c width, C coords; output (T, c), target (T, C).

// squaredError returns Σ_t Σ_{i<C} (output_ti - target_ti)² of one sequence.
// The loss of a batch of N is the sum of these over N·T·C.
func squaredError[F Float](output, target []F, width, coords int) float64 {
	sum := 0.0
	for ; len(target) > 0; output, target = output[width:], target[coords:] {
		for i, y := range target[:coords] {
			e := float64(output[i] - y)
			sum += float64(e * e)
		}
	}
	return sum
}

// squaredErrorBackward adds 2·scale·(output - target) to doutput, in the
// coordinates that have a target; scale is 1/(N·T·C).
func squaredErrorBackward[F Float](doutput, output, target []F, width, coords int, scale F) {
	for t := range len(target) / coords {
		for i, y := range target[t*coords:][:coords] {
			doutput[t*width+i] += F(2 * scale * (output[t*width+i] - y))
		}
	}
}
