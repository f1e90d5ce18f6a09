package sander2024

import (
	"context"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"icar/ar"
	"icar/experiment"
	"icar/figure"
	"icar/outcome"
	"icar/theory"
)

// minimaFigure shows the least loss that descent found against the formula,
// and the descents of the smallest case with traps.
func minimaFigure(all []experiment.Done[minimaConfig, minimaResult]) (figure.Figure, error) {
	picture := figure.Figure{Title: "Exact minima of the diagonal attention", Columns: 3,
		Caption: "By family, the lowest loss that descent found (points) on the exact minimum " +
			"(dashed), for every number of heads; and by iteration, descents on rotations with " +
			"d = 4 and H = 2, which end at the minimum or in a trap of known loss (dashed)."}
	for _, family := range []ar.Family{ar.Unitary, ar.Rotation} {
		panel := figure.Panel{Kind: figure.Lines, Title: string(family),
			X: figure.Axis{Label: "heads H"},
			Y: figure.Axis{Label: "loss per context"}}
		for _, d := range []int{2, 4, 6, 8} {
			var h, exact, lowest []float64
			for _, t := range all {
				if c := t.Config; c.Family == family && c.D == d {
					n := float64(c.Tmax - 1)
					h, exact = append(h, float64(c.Heads)), append(exact, t.Found.Minimum/n)
					lowest = append(lowest, (t.Found.Minimum+slices.Min(t.Found.Ends))/n)
				}
			}
			if len(h) > 0 {
				panel.Series = append(panel.Series, figure.NewSeries("", figure.Dashed, h, exact),
					figure.NewSeries(fmt.Sprintf("d = %d", d), figure.Points, h, lowest))
			}
		}
		picture.Panels = append(picture.Panels, panel)
	}
	for _, t := range all {
		if !t.Config.smallestWithTraps() {
			continue
		}
		panel, err := trapPanel(t.Config, t.Found.Curves)
		if err != nil {
			return figure.Figure{}, err
		}
		picture.Panels = append(picture.Panels, panel)
	}
	return picture, nil
}

func trapPanel(c minimaConfig, curves [][]float64) (figure.Panel, error) {
	panel := figure.Panel{Kind: figure.Lines,
		Title: fmt.Sprintf("rotation, d = %d, H = %d", c.D, c.Heads),
		X:     figure.Axis{Label: "iteration"}, Y: figure.Axis{Label: "excess loss"}}
	levels, err := trapLevels(c)
	if err != nil {
		return figure.Panel{}, err
	}
	for _, level := range levels {
		panel.Series = append(panel.Series,
			figure.NewSeries("", figure.Dashed, []float64{0, float64(c.Iterations)},
				[]float64{level, level}))
	}
	for _, curve := range curves {
		at := make([]float64, len(curve))
		for i := range at {
			at[i] = float64(i * c.curveStep())
		}
		panel.Series = append(panel.Series, figure.NewSeries("", figure.Solid, at, curve))
	}
	return panel, nil
}

// trapLevels are the losses above the minimum at which descent of H ≤ d/2
// heads on rotations can stand still: each head serves a pair, with κ = 1 at
// the minimum, 0, and in a trap with κ < 0 for one or more of them; or the only
// head serves two pairs.
func trapLevels(c minimaConfig) ([]float64, error) {
	_, all, err := theory.PlainTrap(2*c.Heads, c.Heads, c.Tmax, 1)
	levels := []float64{0, all}
	for minus := 1; minus < c.Heads && err == nil; minus++ {
		var loss float64
		_, loss, err = theory.MixedPlainTrap(context.Background(), 2*c.Heads, minus, c.Tmax)
		levels = append(levels, loss)
	}
	if c.Heads == 1 && c.D >= 4 && err == nil { // one head for two pairs: rare
		var loss float64
		_, loss, err = theory.SharedPlainTrap(c.D, 2, c.Tmax, 1)
		levels = append(levels, loss-float64((c.D-2)*(c.Tmax-1)))
	}
	return levels, err
}

// minimaClaims are the claims over all trials.
func minimaClaims(all []experiment.Done[minimaConfig, minimaResult]) ([]outcome.Claim, error) {
	claims := append(attainedClaims(all), unitaryClaims(all)...)
	claims = append(claims, rotationReached(all)...)
	traps, err := trapClaims(all)
	return append(append(claims, traps...), driftClaims(all)...), err
}

// attainedClaims say that the minimum of each family is attained, by
// constructed weights on drawn sequences.
func attainedClaims(all []experiment.Done[minimaConfig, minimaResult]) []outcome.Claim {
	var claims []outcome.Claim
	for _, family := range []ar.Family{ar.Unitary, ar.Rotation} {
		source := map[ar.Family]string{ar.Unitary: "paper, unitary",
			ar.Rotation: "paper, orthogonal"}[family]
		formula := map[ar.Family]string{ar.Unitary: "max(0, d - H)",
			ar.Rotation: "max(0, d - 2H)"}[family]
		constructed, cases := 0.0, 0
		for _, t := range all {
			if t.Config.Family == family {
				cases++
				constructed = max(constructed, t.Found.Constructed/float64(t.Config.D))
			}
		}
		if cases == 0 {
			continue
		}
		claims = append(claims, outcome.Claim{ID: "attained/" + string(family), Source: source,
			Relation: outcome.AtMost,
			Measured: figure.Number(constructed), Tolerance: 1e-12,
			Reason: "rounding: 1e-12 of the loss d of the zero prediction",
			Statement: fmt.Sprintf(
				"%s: constructed weights attain %s on every drawn context in all %d cases: "+
					"largest miss over the loss of the zero prediction", family, formula, cases)})
	}
	return claims
}

// unitaryClaims say that nothing keeps descent from the unitary minima, and
// which of them it finds.
func unitaryClaims(all []experiment.Done[minimaConfig, minimaResult]) []outcome.Claim {
	worst, gauge, cases := 0.0, 0.0, 0
	for _, t := range all {
		c, r := t.Config, t.Found
		if c.Family != ar.Unitary {
			continue
		}
		cases++
		worst = max(worst, farthest(r.Ends, 0)/c.zeroLoss())
		star := math.Cbrt(float64(c.Tmax-1) / float64(min(c.Heads, c.D)))
		for i, g := range r.Gauges {
			if r.Ends[i] <= 1e-9*c.zeroLoss() && c.Heads <= c.D {
				gauge = max(gauge, math.Abs(math.Abs(g)/star-1)/r.Allowed[i])
			}
		}
	}
	if cases == 0 {
		return nil
	}
	return []outcome.Claim{
		{ID: "reached/unitary", Source: "paper, unitary", Relation: outcome.AtMost,
			Measured:  figure.Number(worst),
			Tolerance: 1e-4,
			Statement: fmt.Sprintf(
				"unitary: descent reaches max(0, d - H) from every start, in all %d cases: "+
					"farthest end from it over the loss of the zero prediction", cases),
			Reason: "coefficients right to 1e-2; what is left falls exponentially"},
		{ID: "gauge/unitary", Source: "ours", Relation: outcome.AtMost,
			Measured:  figure.Number(gauge),
			Predicted: 1,
			Statement: "unitary: descent from a small start finds the gauge |c|³ = (Tmax - " +
				"1)/min(H, d): largest deviation, in units of what the start allows",
			Reason: "the conserved quantities of the start, which are not quite 0, and their " +
				"change by steps of finite size"},
	}
}

// rotationReached say where descent reaches the minimum on rotations and where
// it does not: with H = d heads from every start, with H ≤ d/2 from some.
func rotationReached(all []experiment.Done[minimaConfig, minimaResult]) []outcome.Claim {
	type tally struct{ reached, starts int }
	var full, few tally
	worst, least := 0.0, 0.0
	var hard string // the cases with H = d/2, where the share is least
	for _, t := range all {
		c, r := t.Config, t.Found
		if c.Family != ar.Rotation {
			continue
		}
		least = min(least, slices.Min(r.Ends)/c.zeroLoss())
		of := &tally{}
		switch {
		case c.Heads == c.D:
			of = &full
			worst = max(worst, farthest(r.Ends, 0)/c.zeroLoss())
		case 2*c.Heads <= c.D:
			of = &few
		}
		of.reached += r.atMinimum(c)
		of.starts += len(r.Ends)
		if 2*c.Heads == c.D && c.D > 2 {
			hard += fmt.Sprintf("; d = %d, H = %d: %d of %d", c.D, c.Heads, r.atMinimum(c),
				len(r.Ends))
		}
	}
	if full.starts == 0 || few.starts == 0 {
		return nil
	}
	low, _ := shareInterval(full.reached, full.starts)
	_, high := shareInterval(few.reached, few.starts)
	return []outcome.Claim{
		{ID: "undercut/rotation", Source: "ours", Relation: outcome.AtLeast,
			Measured:  figure.Number(least),
			Tolerance: 1e-12,
			Reason:    "rounding: 1e-12 of the loss of the zero prediction",
			Statement: "rotation: no descent from any start goes below max(0, d - 2H): " +
				"lowest end from it, where below, over the loss of the zero prediction"},
		{ID: "reached/rotation", Source: "paper, orthogonal", Relation: outcome.AtMost,
			Measured: figure.Number(worst), Tolerance: 1e-3,
			Statement: "rotation, H = d: descent reaches the minimum 0 from every start: " +
				"farthest end from it over the loss of the zero prediction",
			Reason: "the lowest trap is at least 1/Tmax above"},
		{ID: "missed/rotation", Source: "ours", Relation: outcome.AtMost,
			Measured:  figure.Number(high),
			Predicted: low,
			Statement: fmt.Sprintf(
				"rotation, H ≤ d/2: many starts miss the minimum, %d of %d reach it%s: "+
					"upper end of the share that does, below the lower end of the share with H = d",
				few.reached, few.starts, hard),
			Reason: "exact binomial intervals of the two shares (Clopper and Pearson 1934), 95 %"},
	}
}

// shareInterval is the exact 95 % interval of the share of which k of n were seen
// (Clopper & Pearson 1934, doi:10.1093/biomet/26.4.404).
func shareInterval(k, n int) (low, high float64) {
	low, high = 0, 1
	if k > 0 {
		low = distuv.Beta{Alpha: float64(k), Beta: float64(n - k + 1)}.Quantile(0.025)
	}
	if k < n {
		high = distuv.Beta{Alpha: float64(k + 1), Beta: float64(n - k)}.Quantile(0.975)
	}
	return low, high
}

// trapClaims hold the traps of the rotation family against their known losses.
func trapClaims(all []experiment.Done[minimaConfig, minimaResult]) ([]outcome.Claim, error) {
	farthest, gradient, formula, cases, settled := 0.0, 0.0, 0.0, 0, 0
	for _, t := range all {
		c := t.Config
		if c.Family != ar.Rotation || c.D > 4 || 2*c.Heads > c.D {
			continue
		}
		cases++
		levels, err := trapLevels(c)
		if err != nil {
			return nil, err
		}
		for i, e := range t.Found.Ends {
			if v := t.Found.Verdicts[i]; v != theory.Trap && v != theory.GlobalMinimum {
				continue
			}
			settled++
			nearest := math.Inf(1)
			for _, l := range levels {
				nearest = min(nearest, math.Abs(e-l))
			}
			farthest = max(farthest, nearest/c.zeroLoss())
		}
		trap, loss, err := theory.PlainTrap(c.D, c.Heads, c.Tmax, 0.9)
		if err != nil {
			return nil, err
		}
		certificate, err := theory.Certify(trap, ar.Rotation)
		if err != nil {
			return nil, err
		}
		gradient = max(gradient, certificate.GradientNorm)
		formula = max(formula, math.Abs(certificate.Loss-loss)/loss)
	}
	if cases == 0 {
		return nil, nil
	}
	if settled == 0 {
		farthest = math.NaN()
	}
	return []outcome.Claim{
		{ID: "trap/loss", Source: "ours", Relation: outcome.AtMost,
			Measured:  figure.Number(formula),
			Tolerance: 1e-13, Reason: "rounding",
			Statement: "rotation: the trap κ = -1 of H ≤ d/2 heads has loss (Tmax - 1)(d - 2H) + " +
				"2H Σ 1/T: largest relative miss"},
		{ID: "trap/stationary", Source: "ours", Relation: outcome.AtMost,
			Measured:  figure.Number(gradient),
			Tolerance: 1e-12, Reason: "rounding",
			Statement: "rotation: the trap κ = -1 of H ≤ d/2 heads is stationary: norm of the " +
				"gradient"},
		{ID: "trap/ends", Source: "ours", Relation: outcome.AtMost,
			Measured:  figure.Number(farthest),
			Tolerance: 1e-3,
			Statement: fmt.Sprintf(
				"rotation, d ≤ 4, H ≤ d/2: descents come to rest at the minimum or at a trap of "+
					"known loss only (%d did): largest distance over the loss of the zero prediction",
				settled),
			Reason: "a gradient of 1e-6 of the gain, over the smallest curvature seen, 1e-3"},
	}, nil
}

// driftClaims say that what gradient flow conserves, descent changes in
// proportion to its learning rate.
func driftClaims(all []experiment.Done[minimaConfig, minimaResult]) []outcome.Claim {
	var claims []outcome.Claim
	for _, t := range all {
		d := t.Found.Drifts
		if d == nil {
			continue
		}
		// ratio = 2 + a·lr + …, so the next ratio is off by half as much: their
		// difference estimates the deviation, and twice that covers it.
		coarse, fine := d[0]/d[1], d[1]/d[2]
		claims = append(claims, outcome.Claim{ID: "conserved/" + string(t.Config.Family),
			Source:   "ours",
			Relation: outcome.Equals,
			Measured: figure.Number(fine), Predicted: 2, Tolerance: 2*math.Abs(coarse-fine) + 1e-6,
			Statement: fmt.Sprintf(
				"%s: gradient flow conserves AAᵀ - BBᵀ, descent changes it in proportion to the "+
					"learning rate: drift over the drift at half the rate", t.Config.Family),
			Reason: "Richardson: twice the difference of the ratio from that at twice the rate"})
	}
	return claims
}
