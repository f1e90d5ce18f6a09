package probe_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"icar/probe"
	"icar/train"
)

// A probe of one's own starts from the activations, by name and shape.
func ExampleModel_activations() {
	c := train.DefaultConfig()
	c.D, c.Length, c.Batch, c.Train, c.Test, c.Epochs, c.Depth = 2, 4, 16, 64, 16, 2, 2
	net, _, err := train.Train(context.Background(), c, train.Options{})
	if err != nil {
		log.Fatal(err)
	}
	model, err := probe.New(c, net)
	if err != nil {
		log.Fatal(err)
	}
	s, err := train.Sequences(model.Config, train.TestStream, 1)
	if err != nil {
		log.Fatal(err)
	}
	batch, err := model.Batch(s)
	if err != nil {
		log.Fatal(err)
	}
	tensors, err := model.Net.Activations(batch.X)
	if err != nil {
		log.Fatal(err)
	}
	for _, t := range tensors {
		if strings.HasSuffix(t.Name, ".attention") {
			fmt.Println(t.Name, t.Shape)
		}
	}
	// Output:
	// layers.0.attention [1 4 4]
	// layers.1.attention [1 4 4]
}
