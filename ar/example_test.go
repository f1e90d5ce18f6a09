package ar_test

import (
	"fmt"
	"log"

	"icar/ar"
)

// A rotation of the plane in its real form, with the eigenvalues that generate
// it: every step turns the state by the angle of λ.
func ExampleRollout() {
	p := ar.New(ar.Rotation, 2)
	p.Mu = 4 // angles in the first quadrant
	hidden := p.Context(ar.Rand(1, "example", 0))
	states, err := ar.Rollout[float64](p, hidden, 4, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("λ = %.3f\n", hidden.Lambda)
	for t := range 4 {
		fmt.Printf("s_%d = %6.3f\n", t+1, states[2*t:2*t+2])
	}
	// Output:
	// λ = [(0.566+0.825i) (0.566-0.825i)]
	// s_1 = [ 1.414  0.000]
	// s_2 = [ 0.800  1.166]
	// s_3 = [-0.509  1.320]
	// s_4 = [-1.376  0.327]
}

// The batches that Fig. 5 trains on: Haar contexts, augmented tokens.
func ExampleSampler_Batch() {
	train, err := ar.NewSampler[float32](ar.New(ar.Haar, 5), 1024, 50, 1, "train")
	if err != nil {
		log.Fatal(err)
	}
	batch := train.Batch(0)
	x, err := batch.Inputs(ar.Augmented)
	if err != nil {
		log.Fatal(err)
	}
	y := batch.Targets()
	fmt.Printf("x (%d, %d, %d), %d numbers\n", batch.N, batch.T, ar.Augmented.Width(batch.D), len(x))
	fmt.Printf("y (%d, %d, %d), %d numbers\n", batch.N, batch.T, batch.D, len(y))
	// Output:
	// x (1024, 50, 15), 768000 numbers
	// y (1024, 50, 5), 256000 numbers
}

// A mistake is an error that says what to do about it.
func ExampleProcess_Check() {
	fmt.Println(ar.New(ar.Rotation, 7).Check())
	_, err := ar.NewSampler[float32](ar.New(ar.Unitary, 5), 1024, 50, 1, "train")
	fmt.Println(err)
	// Output:
	// token dimension d = 7 is odd: the rotation family needs pairs; use d = 8
	// the unitary family has complex states and no real form, and package nn takes real data: use the rotation family
}
