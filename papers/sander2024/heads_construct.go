package sander2024

import (
	"fmt"
	"math"

	"icar/nn"
	"icar/probe"
	"icar/train"
)

// d token dimension, H heads, T positions

// construct returns a model whose weights are written down, not trained: on
// rotations its H ≤ d heads predict the first H coordinates of s_{T+1} exactly
// from T = 2 on, and the others by 0, which costs 1 each.
//
// A pair of coordinates of s_t is a complex number √2 z_t with z_t = λ^{t-1},
// up to a basis in which z_1 = 1, so that z_{T+1} = z_2 z_T. Head h serves the
// real (even h) or imaginary part (odd h) of a pair: its score is the bilinear
// form of that part, its value is constant, from the bias, and its position
// looks at s_2 alone. It has to be one linear layer without norm and skip
// connection, with a product position, on plain tokens of width d.
func construct(c train.Config) (*probe.Model, error) {
	if c.Heads > c.D || c.D%2 != 0 || c.Embed != c.D || c.Position != nn.ProductPosition {
		return nil, fmt.Errorf("%d heads of embedding %d on d = %d: use an even d, embed = d, "+
			"H ≤ d and a product position", c.Heads, c.Embed, c.D)
	}
	net, err := nn.New[float64](c.Config, c.Seed)
	if err != nil {
		return nil, err
	}
	d := c.D
	for _, p := range net.Parameters() {
		clear(p.Data)
		switch p.Name {
		case "pos":
			// The scores of positions are those of tokens. On a pair with angle
			// π/8 both parts of the product have the angle π/4, so all heads see
			// one order: a long second vector is chosen by itself and by all
			// others, by a score so much larger that the softmax is exact.
			for t := range c.Length {
				length := 10.
				if t == 1 {
					length = 100
				}
				for i := 0; i < d; i += 2 {
					p.Data[t*d+i], p.Data[t*d+i+1] = length*math.Cos(math.Pi/8),
						length*math.Sin(math.Pi/8)
				}
			}
		case "layers.0.q.weight":
			for h := range c.Heads {
				for i := h / 2 * 2; i < h/2*2+2; i++ {
					p.Data[(h*d+i)*d+i] = 1
				}
			}
		case "layers.0.k.weight":
			scale := math.Sqrt(float64(d) / 2) // a score is divided by √D, the product of two pairs by √2
			for h := range c.Heads {
				first := h / 2 * 2
				row := func(i int) []float64 { return p.Data[(h*d+first+i)*d+first:][:2] }
				if h%2 == 0 { // Re(z_2 z_T) √2
					row(0)[0], row(1)[1] = scale, -scale
				} else { // Im(z_2 z_T) √2
					row(0)[1], row(1)[0] = scale, scale
				}
			}
		case "layers.0.v.bias":
			for h := range c.Heads {
				p.Data[h*d+h] = 1
			}
		case "layers.0.o.weight", "out.weight":
			for i := range d {
				p.Data[i*d+i] = 1
			}
		}
	}
	return &probe.Model{Config: c, Net: net}, nil
}

// served is the mean squared error of a prediction (N, T, d) on the first h
// coordinates, over T ≥ 2.
func served(predictions, targets []float64, length, d, h int) float64 {
	sum, count := 0.0, 0
	for i, y := range targets {
		if i%d < h && i/d%length >= 1 {
			delta := predictions[i] - y
			sum, count = sum+delta*delta, count+1
		}
	}
	return sum / float64(count)
}
