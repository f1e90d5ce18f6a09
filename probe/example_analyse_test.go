package probe_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"icar/ar"
	"icar/estimator"
	"icar/probe"
)

// echo is a model of another make: it predicts that a sequence stands still. Of such
// a model nothing has to be known but what it predicts.
type echo struct{}

func (echo) Predict(_ context.Context, s ar.Batch[float64]) ([]float64, error) {
	var predictions []float64 // (N, T, d)
	size := (s.T + 1) * s.D
	for n := range s.N {
		predictions = append(predictions, s.States[n*size:(n+1)*size-s.D]...)
	}
	return predictions, nil
}

func ExampleAnalyse() {
	sequences := func(stream string, n int) ar.Batch[float64] {
		sampler, err := ar.NewSampler[float64](ar.New(ar.Haar, 3), n, 8, 0, stream)
		if err != nil {
			log.Fatal(err)
		}
		return sampler.Batch(0)
	}
	floor, err := estimator.BayesFloor(ar.New(ar.Haar, 3), 8)
	if err != nil {
		log.Fatal(err)
	}
	a, err := probe.Analyse(context.Background(), echo{},
		probe.Given{Test: sequences("test", 100), Fitting: sequences("train", 200), Floor: floor})
	if err != nil {
		log.Fatal(err)
	}
	nearest := a.Alignments[0]
	for _, e := range a.Alignments {
		if e.MeanDistance < nearest.MeanDistance {
			nearest = e
		}
	}
	fmt.Printf("%s: predictions %.0f apart\n", nearest.Estimator, nearest.MeanDistance)
	fmt.Printf("error %.2f, floor %.2f\n", a.MSE.Value, a.Floor[7])
	fmt.Println("not offered:", strings.Join(a.Missing, ", "))
	// Output:
	// copy last: predictions 0 apart
	// error 0.70, floor 0.00
	// not offered: in-context maps, a control: the model before training, layers beside algorithms, heads, positional encodings, attention, parts to take out
}
