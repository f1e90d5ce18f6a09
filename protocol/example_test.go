//go:build unix

package protocol_test

import (
	"context"
	"fmt"
	"log"

	"icar/ar"
	"icar/protocol"
)

// The program cat answers every batch with itself: it predicts that a sequence stands
// still.
func Example() {
	ctx := context.Background()
	p, err := protocol.Start(ctx, protocol.Options{Words: []string{"cat"}})
	if err != nil {
		log.Fatal(err)
	}
	s := ar.Batch[float64]{N: 1, T: 3, D: 1, States: []float64{1, 2, 4, 8}} // (N, T+1, d)
	predictions, err := p.Predict(ctx, s)
	if err != nil {
		log.Fatal(err)
	}
	if err := p.Close(); err != nil {
		log.Fatal(err)
	}
	fmt.Println(predictions)
	// Output: [1 2 4]
}
