package estimator_test

import (
	"context"
	"fmt"
	"log"

	"icar/ar"
	"icar/estimator"
)

// What a gradient step and conjugate gradients miss of the Bayes predictor at
// d = 3, by context length.
func ExampleMSE() {
	process := ar.New(ar.Haar, 3)
	sampler, err := ar.NewSampler[float64](process, 2000, 5, 1, "example")
	if err != nil {
		log.Fatal(err)
	}
	ctx, train, test := context.Background(), sampler.Batch(0), sampler.Batch(1)
	step, err := estimator.FitPerPositionStep(ctx, train)
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range []estimator.Estimator{step, estimator.ConjugateGradient{K: 2},
		estimator.LeastSquares{}} {
		errors, err := estimator.MSE(ctx, test, e)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%-35s %.3f\n", e.Name(), errors.PerPosition())
	}
	floor, err := estimator.BayesFloor(process, 5)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%-35s %.3f\n", "Bayes floor", floor)
	// Output:
	// gradient descent by position, k = 1 [0.333 0.220 0.153 0.114 0.103]
	// conjugate gradient, k = 2           [0.333 0.220 0.108 0.023 0.021]
	// least squares                       [0.333 0.220 0.108 0.000 0.000]
	// Bayes floor                         [0.333 0.222 0.111 0.000 0.000]
}

// A stream predicts token by token, and shows what it has learnt of W: here a
// quarter turn, from two pairs.
func ExampleStream() {
	tokens := [][]float64{{1, 0}, {0, 1}, {-1, 0}}
	stream, err := estimator.LeastSquares{}.Start(estimator.Sequence{D: 2, T: len(tokens)})
	if err != nil {
		log.Fatal(err)
	}
	prediction, gamma := make([]float64, 2), make([]float64, 4)
	for t, token := range tokens {
		stream.Next(prediction, token)
		fmt.Printf("T = %d: %.0f after %.0f\n", t+1, prediction, token)
	}
	stream.Map(gamma)
	fmt.Printf("Γ = %.0f\n", gamma)
	// Output:
	// T = 1: [0 0] after [1 0]
	// T = 2: [0 0] after [0 1]
	// T = 3: [0 -1] after [-1 0]
	// Γ = [0 -1 1 0]
}
