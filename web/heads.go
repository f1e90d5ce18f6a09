// A head is taken away: the diagonal attention, trained live. d token dimension, H heads.

package web

import (
	"context"
	"fmt"
	"math"
	"time"

	"icar/ar"
	"icar/figure"
	"icar/theory"
)

var headsParameters = []parameter{
	choice("family", "W is drawn from", "law of the context matrices", "unitary", "rotation"),
	number("d", "dimension d", 6, 2, 16, 1, "token dimension, even for rotation"),
	number("h", "heads H", 6, 1, 16, 1,
		"attention heads; each serves a coordinate, or a pair of a rotation"),
	number("tmax", "longest context T_{max}", 10, 2, 20, 1, "longest context"),
	number("seed", "which start", 1, 1, 1000, 1, "which initial weights"),
	number("lograte", "learning rate, log₁₀", -2, -4, -1, 0.05, "learning rate, as a power of ten"),
	number("iterations", "iterations", 20000, 1000, 40000, 1000, "iterations of gradient descent"),
}

const (
	frames     = 120 // pictures of one training
	frameTime  = 50 * time.Millisecond
	initSpread = 0.1 // standard deviation of the initial weights
)

// frame is the state of a training: Document and how far it is.
type frame struct {
	Document
	Iteration  int     `json:"iteration"`
	Iterations int     `json:"iterations"`
	Loss       float64 `json:"loss"`    // at a context length, mean of T = 2 to Tmax
	Minimum    float64 `json:"minimum"` // predicted, the same at every T
}

// heads streams a training: events "frame", at last "done" or "failed".
func (s *Server) heads(ctx context.Context, x exchange, v values) error {
	family := ar.Family(v["family"])
	if err := ar.New(family, v.integer("d")).Check(); err != nil {
		return bad(err)
	}
	give, err := s.trainings.take(ctx)
	if err != nil {
		return err
	}
	defer give()
	e, err := x.stream()
	if err != nil {
		return nil // the client is gone
	}
	ctx, cancel := s.until(ctx)
	defer cancel()
	pictures, end := newLatest[frame](), make(chan error, 1)
	go func() { end <- trainHeads(ctx, family, v, pictures) }()
	for {
		select {
		case f := <-pictures.c:
			if e.send("frame", f) != nil {
				cancel()
				<-end
				return nil
			}
		case err := <-end:
			return finish(e, pictures, err)
		}
	}
}

// finish sends the last picture and how it ended.
func finish(e events, pictures latest[frame], err error) error {
	select {
	case f := <-pictures.c:
		if err := e.send("frame", f); err != nil {
			return nil
		}
	default:
	}
	if err != nil {
		e.send("failed", map[string]string{"error": err.Error()})
		return nil
	}
	e.send("done", struct{}{})
	return nil
}

// trainHeads descends from a small start, a picture every few iterations and
// no faster than one can see.
func trainHeads(ctx context.Context, family ar.Family, v values, pictures latest[frame]) error {
	d, h, tmax, iterations := v.integer("d"), v.integer("h"), v.integer("tmax"),
		v.integer("iterations")
	m, err := theory.NewDiagonal(h, d, tmax)
	if err != nil {
		return err
	}
	m.Init(ar.Rand(uint64(v.integer("seed")), "web-heads", 0), initSpread)
	least, err := theory.PlainMinimum(family, d, h)
	if err != nil {
		return err
	}
	l := live{model: m, family: family, minimum: least, iterations: iterations}
	tick := time.NewTicker(frameTime)
	defer tick.Stop()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	_, err = m.Descend(ctx, family, theory.Descent{
		LearningRate: math.Pow(10, v.number("lograte")), Iterations: iterations,
		Observe: func(k int, loss float64) {
			if k%(iterations/frames) != 0 && k != iterations {
				return
			}
			pictures.put(l.frame(k, loss/float64(tmax-1)))
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
			breathe()
		},
	})
	return err
}

// live is a training that is being watched.
type live struct {
	model        *theory.Diagonal
	family       ar.Family
	minimum      float64 // of the loss at a context length
	iterations   int
	steps, trace []float64
}

// frame is the picture after k iterations. loss is the mean of T = 2 to Tmax, and
// so is all that is drawn beside it: the theory speaks of the sum.
func (l *live) frame(k int, loss float64) frame {
	l.steps, l.trace = append(l.steps, float64(k)), append(l.trace, loss)
	m := l.model
	f := frame{Iteration: k, Iterations: l.iterations, Loss: loss, Minimum: l.minimum}
	f.figure("weights", fmt.Sprintf("Weights after %d iterations", k),
		"Rows of A and B are heads. C = BᵀA couples coordinates, P weighs positions.", 2,
		heatmap("A", "coordinate", "head", m.H, m.D, m.A),
		heatmap("B", "coordinate", "head", m.H, m.D, m.B),
		heatmap("C", "coordinate", "coordinate", m.D, m.D, m.C()),
		heatmap("P", "token t", "T - 1", m.Tmax, m.Tmax, m.P))
	end := []float64{0, float64(l.iterations)}
	series := []figure.Series{
		figure.NewSeries("loss", figure.Solid, l.steps, l.trace),
		figure.NewSeries("predicted minimum", figure.Dashed, end, []float64{l.minimum, l.minimum}),
	}
	if _, trap, err := theory.PlainTrap(m.D, m.H, m.Tmax, 1); l.family == ar.Rotation &&
		err == nil {
		trap /= float64(m.Tmax - 1)
		series = append(series, figure.NewSeries("trap κ = -1", figure.Dashed, end,
			[]float64{trap, trap}))
	}
	f.figure("loss", "Loss at a context length, mean over T", l.caption(), 1,
		lines("", linear("iteration"), linear("mean of ℓ_T"), series...))
	if k == l.iterations {
		f.say("verdict", "%s", becomes(loss, l.minimum))
	} else {
		f.say("verdict", "After %s of %d the loss is %.4f. Theory says that it becomes %v.",
			plural(k, "iteration"), l.iterations, loss, l.minimum)
	}
	f.factNumber("loss", loss)
	f.factNumber("predicted minimum", l.minimum)
	if c, err := theory.Certify(m, l.family); err == nil {
		f.fact("these weights are", "%s", verdict(c, m.Tmax-1))
		f.factNumber("largest |cosine| between two heads", c.HeadOverlap)
		if l.family == ar.Rotation {
			f.fact("κ of each pair (1 is the recursion)", "%s", numbers(c.Kappa))
			f.factNumber("p_{T-1}/p_T of the longest context", c.Ratio[m.Tmax-2])
		}
	}
	return f
}

// verdict says what the weights are; lengths is the number of context lengths.
func verdict(c theory.Certificate, lengths int) string {
	if c.Verdict == theory.NotMinimum {
		return fmt.Sprintf("on the way, %s above", figure.Text(c.Excess/float64(lengths)))
	}
	return string(c.Verdict)
}

// caption says what to expect of so many heads.
func (l *live) caption() string {
	m, least := l.model, l.minimum
	switch {
	case l.family == ar.Unitary && least > 0:
		return fmt.Sprintf("%s too few: each costs 1 at every T, so no loss is below %v.",
			plural(int(least), "head"), least)
	case l.family == ar.Unitary:
		return "A head for every coordinate: C = c I, p_T = 1/c, nothing is left."
	case least > 0:
		return fmt.Sprintf("A head serves a pair; %v coordinates are left without one. Some starts "+
			"end in a trap above the minimum.", least)
	case m.H == m.D/2:
		return "One head for every pair is just enough, and most starts fall into traps: pairs with " +
			"κ = -1. Take another start, or one more head."
	case m.H < m.D:
		return "Fewer heads than coordinates force κ = 1 and p_{T-1}/p_T = -1/2. Some starts walk " +
			"down a valley to infinity, κ near -1."
	}
	return "With d heads every κ but -1 is a minimum."
}

func numbers(all []float64) string {
	text := ""
	for i, x := range all {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%.3f", x)
	}
	return text
}
