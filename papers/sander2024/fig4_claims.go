package sander2024

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"icar/experiment"
	"icar/figure"
	"icar/outcome"
	"icar/text"
)

// falseAlarm is how often a claim of fig4 may fail where it holds, and hold
// where there is nothing.
const falseAlarm = 1e-4

// oneSided and twoSided are the standard errors that are passed with that
// probability.
var (
	oneSided = distuv.UnitNormal.Quantile(1 - falseAlarm)
	twoSided = distuv.UnitNormal.Quantile(1 - falseAlarm/2)
)

// beyond returns the value that one more text of a null passes with the
// probability falseAlarm, its R² being normal: n of them tell mean and
// deviation with an error that Student's t and 1 + 1/n account for.
func beyond(null []float64) float64 {
	n := float64(len(null))
	mean, deviation := stat.MeanStdDev(null, nil)
	t := distuv.StudentsT{Sigma: 1, Nu: n - 1}.Quantile(1 - falseAlarm)
	return mean + t*deviation*math.Sqrt(1+1/n)
}

// beyondReason says what beyond is.
const beyondReason = "the bound is what one more text of the null passes with probability 1e-4: " +
	"mean and deviation of %d, Student's t"

// fig4Claims makes the claims that the trials which were run allow: a setting
// can leave some out.
func fig4Claims(all []experiment.Done[textConfig, textResult]) ([]outcome.Claim, error) {
	nulls := gather(all)
	var claims []outcome.Claim
	for _, d := range all {
		switch c, r := d.Config, d.Found; c.Part {
		case fitPart:
			switch {
			case c.Frequent > 0:
				claims = append(claims, frequentClaims(c, r, nulls, all)...)
			case c.Windows == everyWindow:
				claims = append(claims, memoryClaims(c, r, nulls)...)
			default:
				claims = append(claims, fitClaims(c, r, nulls)...)
			}
		case authorsPart:
			claims = append(claims, authorsClaims(*r.Real, *r.Shuffled)...)
		case windowsPart:
			if c.Dims >= c.Length-1 && c.Length <= text.MostPatterned {
				claims = append(claims, windowClaims(*r.Real, *r.Shuffled)...)
			}
		case passagesPart:
			claims = append(claims, passageClaims(*r.Passages)...)
		}
	}
	return claims, nil
}

// independent are the R² of another program on the same book, with windows of
// 5 and d = 100.
var independent = map[text.Split]float64{text.Random: 0.043, text.Contiguous: 0.038}

func fitClaims(c textConfig, r textResult, nulls map[nullKey][]float64) []outcome.Claim {
	var claims []outcome.Claim
	v := r.R2[0]
	interval := fmt.Sprintf("95 %% interval %.4f to %.4f", v.Low, v.High)
	if c.Windows == 10_000 && c.Length == 5 && c.Dims == 100 {
		claims = append(claims, outcome.Claim{ID: "held-out/" + string(c.Split), Source: "ours",
			Relation: outcome.Equals,
			Measured: figure.Number(v.Value), Predicted: independent[c.Split],
			Tolerance: twoSided * math.Sqrt2 * v.SE,
			Statement: fmt.Sprintf("with a %s split and d = 100 R² of one W on held-out windows, %s, "+
				"is what an independent program found", c.Split, interval),
			Reason: "3.89 standard errors of a difference: each program draws windows of its own"})
	}
	if c.Split != text.Contiguous {
		return claims
	}
	tokens, windows := nulls[c.against(text.TokensPermuted,
		1)], nulls[c.against(text.WindowsSwapped, 1)]
	if len(tokens) < 2 || len(windows) < 2 {
		return claims
	}
	higher := tokens // the null whose bound is
	if beyond(windows) > beyond(tokens) {
		higher = windows
	}
	id, pairs := fmt.Sprintf("/k=%d", c.Dims), 0.8*float64(c.Windows*(c.Length-1))
	noise := float64(c.Dims) / pairs
	mean, deviation := stat.MeanStdDev(tokens, nil)
	n := float64(len(tokens))
	t := distuv.StudentsT{Sigma: 1, Nu: n - 1}.Quantile(1 - falseAlarm/2)
	return append(claims,
		outcome.Claim{ID: "permutation" + id, Source: "ours", Relation: outcome.AtLeast,
			Measured:  figure.Number(v.Value),
			Predicted: beyond(higher),
			Statement: fmt.Sprintf("with a contiguous split R² of the text, %s, is above what %d texts "+
				"with tokens and %d with windows permuted allow, W refitted to each", interval, len(tokens),
				len(windows)),
			Reason: fmt.Sprintf(beyondReason, len(higher))},
		outcome.Claim{ID: "shuffled" + id, Source: "ours", Relation: outcome.Equals,
			Measured: figure.Number(mean), Predicted: -noise,
			Tolerance: t*deviation/math.Sqrt(n) + 0.03*noise,
			Statement: fmt.Sprintf("with tokens permuted R² is what fitting noise costs, -k/n with n = "+
				"%.0f training pairs", pairs),
			Reason: "the mean's error at 1e-4, by Student's t, and 3 % of k/n for the ridge and for n " +
				"and k that are not large"})
}

// frequentClaims compare the text without its most frequent tokens with its
// own permutations and with the whole text.
func frequentClaims(c textConfig, r textResult, nulls map[nullKey][]float64,
	all []experiment.Done[textConfig, textResult]) []outcome.Claim {
	v, tokens := r.R2[0], nulls[c.against(text.TokensPermuted, 1)]
	var claims []outcome.Claim
	if len(tokens) > 1 {
		claims = append(claims, outcome.Claim{ID: "frequent-removed/left", Source: "ours",
			Relation: outcome.AtLeast,
			Measured: figure.Number(v.Value), Predicted: beyond(tokens),
			Statement: fmt.Sprintf("without its %d most frequent tokens, %.0f %% of all, one W still "+
				"predicts the text: R² is above what %d texts with tokens permuted allow", c.Frequent,
				100*r.Removed, len(tokens)),
			Reason: fmt.Sprintf(beyondReason, len(tokens))})
	}
	whole := c
	whole.Frequent = 0
	for _, d := range all {
		if d.Config != whole {
			continue
		}
		w := d.Found.R2[0]
		se := math.Hypot(v.SE, w.SE)
		claims = append(claims, outcome.Claim{ID: "frequent-removed/less", Source: "ours",
			Relation: outcome.AtMost,
			Measured: figure.Number(v.Value - w.Value + oneSided*se),
			Statement: fmt.Sprintf("without its %d most frequent tokens W finds less of the text: R² = "+
				"%.4f against %.4f; here the difference's high end", c.Frequent, v.Value, w.Value),
			Reason: "0 is no difference; the end is 3.72 standard errors up, those of two block " +
				"bootstraps added in squares, false once in 10,000"})
	}
	return claims
}

// memoryClaims say what the text has beyond a chain of pairs.
func memoryClaims(c textConfig, r textResult, nulls map[nullKey][]float64) []outcome.Claim {
	var claims []outcome.Claim
	for i, v := range r.R2 {
		chains := nulls[c.against(text.Markov, i+1)]
		if len(chains) < 2 {
			continue
		}
		claims = append(claims, outcome.Claim{ID: fmt.Sprintf("memory/lag=%d", i+1), Source: "ours",
			Relation: outcome.AtLeast,
			Measured: figure.Number(v.Value), Predicted: beyond(chains),
			Statement: fmt.Sprintf("at lag %d a token says more of the text than a first-order Markov "+
				"chain of the training text allows: R² on all held-out windows; the chain's mean is %.4f",
				i+1, stat.Mean(chains, nil)),
			Reason: fmt.Sprintf(beyondReason, len(chains))})
	}
	return claims
}

// authorsClaims hold for the authors' protocol.
func authorsClaims(real, shuffled rollouts) []outcome.Claim {
	a, b := 1-real.Exact, 1-shuffled.Exact
	se := math.Sqrt((a*(1-a) + b*(1-b)) / float64(real.Windows))
	return []outcome.Claim{
		{ID: "authors/fewer", Source: "Fig. 4", Relation: outcome.AtMost,
			Measured: figure.Number(a - b + oneSided*se),
			Statement: fmt.Sprintf("by the authors' protocol fewer windows of the text are in the "+
				"figure, %.2f %%, than of its tokens permuted, %.2f %%: here the difference's high end",
				100*a, 100*b),
			Reason: "0 is no difference; the end is 3.72 binomial standard errors up, false once in 10,000"},
		{ID: "authors/alike", Source: "ours", Relation: outcome.Equals,
			Measured:  figure.Number(real.Rest - shuffled.Rest),
			Tolerance: twoSided * math.Hypot(real.RestSE, shuffled.RestSE),
			Statement: fmt.Sprintf("the windows in the authors' figure have the same error, %.5f in "+
				"the text and %.5f permuted: the figure counts windows, it does not tell better from worse",
				real.Rest, shuffled.Rest),
			Reason: "3.89 standard errors of the difference of two means"},
	}
}

func windowClaims(real, shuffled rollouts) []outcome.Claim {
	p := shuffled.Chance
	return []outcome.Claim{
		{ID: "windows/branches", Source: "ours", Relation: outcome.Equals,
			Measured: figure.Number(real.Differ + shuffled.Differ),
			Statement: fmt.Sprintf("the windows with an error are those where a token has two "+
				"successors, in the text (%.1f %% are fitted exactly) and shuffled (%.1f %%): so many "+
				"windows are otherwise", 100*real.Exact, 100*shuffled.Exact),
			Reason: fmt.Sprintf("exact: no W sends a vector to two, and some W sends fewer vectors "+
				"than dimensions anywhere; an error below %g is none, for rounding", text.ExactBelow)},
		{ID: "windows/counted", Source: "ours", Relation: outcome.Equals,
			Measured: figure.Number(1 - shuffled.Exact), Predicted: p,
			Tolerance: twoSided * math.Sqrt(p*(1-p)/float64(shuffled.Windows)),
			Statement: "how many shuffled windows have an error follows from how often each token " +
				"occurs, whatever its vector is",
			Reason: "3.89 binomial standard errors"},
	}
}

func passageClaims(p text.Passages) []outcome.Claim {
	reason := "0 is no difference; the end is 3.72 standard errors down, those of a bootstrap over " +
		"passages, false once in 10,000"
	low := func(v text.Interval) figure.Number { return figure.Number(v.Value - oneSided*v.SE) }
	return []outcome.Claim{
		{ID: "context/own", Source: "ours", Relation: outcome.AtLeast, Measured: low(p.Gain),
			Reason: reason,
			Statement: fmt.Sprintf("a W learnt from %d tokens predicts the next %d better than that of "+
				"another passage: R² higher by %.4f, here the low end", passageHalf, passageHalf,
				p.Gain.Value)},
		{ID: "context/pooled", Source: "ours", Relation: outcome.AtLeast, Measured: low(p.Ahead),
			Reason: reason,
			Statement: fmt.Sprintf("the W of the whole training text predicts the %d tokens after a "+
				"passage better than the passage's own W: R² higher by %.4f, here the low end", passageHalf,
				p.Ahead.Value)},
	}
}
