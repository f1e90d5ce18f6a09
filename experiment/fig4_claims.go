package experiment

import (
	"fmt"

	"gonum.org/v1/gonum/stat"

	"icar/text"
)

// fig4Claims makes the claims that the trials which were run allow: a setting
// can leave some out.
func fig4Claims(all []done[textConfig, textResult]) ([]Claim, error) {
	nulls := gather(all)
	var claims []Claim
	for _, d := range all {
		switch c, r := d.Config, d.Found; c.Part {
		case fitPart:
			claims = append(claims, fitClaims(c, r, nulls)...)
		case windowsPart:
			if c.Dims >= c.Length-1 {
				claims = append(claims, windowClaims(*r.Real, *r.Shuffled)...)
			}
		case passagesPart:
			p := r.Passages
			claims = append(claims,
				Claim{ID: "context/own", Source: "ours", Relation: AtLeast, Measured: Number(p.Gain.Low),
					Statement: fmt.Sprintf("a W learnt from %d tokens predicts the next %d better than that of another passage: R² higher by %.4f, here the low end of its 95 %% interval", passageHalf, passageHalf, p.Gain.Value),
					Reason:    "0 is no difference; the interval is a bootstrap over passages"},
				Claim{ID: "context/pooled", Source: "ours", Relation: AtLeast, Measured: Number(p.Ahead.Low),
					Statement: fmt.Sprintf("yet the W of the whole training text predicts them better than the passage's own: R² higher by %.4f, here the low end of its 95 %% interval", p.Ahead.Value),
					Reason:    "0 is no difference; the interval is a bootstrap over passages"})
		}
	}
	return claims, nil
}

// independent are the R² of another program on the same book, with windows of
// 5 and d = 100.
var independent = map[text.Split]float64{text.Random: 0.043, text.Contiguous: 0.038}

func fitClaims(c textConfig, r textResult, nulls map[nullKey][]float64) []Claim {
	var claims []Claim
	v := r.R2[0]
	interval := fmt.Sprintf("95 %% interval %.4f to %.4f", v.Low, v.High)
	switch {
	case c.Frequent > 0:
		return []Claim{{ID: "frequent-removed", Source: "ours", Relation: AtLeast, Measured: Number(v.Low),
			Statement: fmt.Sprintf("without the %d most frequent tokens one W still predicts held-out windows: R² = %.4f, here the low end of its 95 %% interval", c.Frequent, v.Value),
			Reason:    "0 is no prediction; the interval is a block bootstrap"}}
	case c.Windows == 10_000 && c.Length == 5 && c.Dims == 100:
		claims = append(claims, Claim{ID: "held-out/" + string(c.Split), Source: "ours", Relation: Equals, Measured: Number(v.Value), Predicted: independent[c.Split], Tolerance: 0.01,
			Statement: fmt.Sprintf("%s split, d = 100: R² of one W on held-out windows, %s, is what an independent program found", c.Split, interval),
			Reason:    "five standard errors, each 0.002: the interval, and windows drawn anew"})
	}
	if c.Split != text.Contiguous {
		return claims
	}
	tokens, windows, markov := nulls[c.against(text.TokensPermuted, 1)], nulls[c.against(text.WindowsSwapped, 1)], nulls[c.against(text.Markov, 1)]
	id := fmt.Sprintf("/k=%d", c.Dims)
	if len(tokens) > 0 && len(windows) > 0 {
		claims = append(claims,
			Claim{ID: "permutation" + id, Source: "ours", Relation: AtMost, Predicted: 0.05,
				Measured:  Number(max(text.PValue(v.Value, tokens), text.PValue(v.Value, windows))),
				Statement: fmt.Sprintf("contiguous split: R² = %.4f (%s) is above those of %d texts with tokens and %d with windows permuted, W refitted to each: the larger p-value", v.Value, interval, len(tokens), len(windows)),
				Reason:    "the usual level; the least that so many texts can show is 1 over their number + 1"})
		// Fitted to noise, W loses about k/n of SST for each coordinate.
		pairs := 0.8 * float64(c.Windows*(c.Length-1))
		if c.Windows >= 10_000 {
			claims = append(claims, Claim{ID: "shuffled" + id, Source: "ours", Relation: Equals, Predicted: -float64(c.Dims) / pairs, Tolerance: 0.003,
				Measured:  Number(stat.Mean(tokens, nil)),
				Statement: fmt.Sprintf("with tokens permuted R² is what fitting noise costs, -k/n with n = %.0f training pairs", pairs),
				Reason:    "the mean's error is 0.0002; the rest for n and k that are not large, and the ridge"})
		}
	}
	if len(markov) > 0 && c.Windows >= 10_000 {
		claims = append(claims, Claim{ID: "markov" + id, Source: "ours", Relation: AtMost, Tolerance: 0.012,
			Measured:  Number(v.Value - stat.Mean(markov, nil)),
			Statement: "of the step from one token to the next W finds no more than in a first-order Markov chain with the text's pairs: R² of the text above the mean of the chain's",
			Reason:    "the standard error of R² is 0.002 to 0.003; four"})
	}
	return append(claims, Claim{ID: "orthogonal" + id, Source: "ours", Relation: AtLeast, Predicted: 0.5, Measured: Number(r.Distance),
		Statement: "W is far from orthogonal: |WᵀW - I|/√k, 0 for an orthogonal W, 1 for W = 0",
		Reason:    "half of the way to 0"})
}

func windowClaims(real, shuffled rollouts) []Claim {
	return []Claim{
		{ID: "windows/paper", Source: "Fig. 4", Relation: AtMost, Measured: Number(real.Mean - shuffled.Mean),
			Statement: fmt.Sprintf("each window with a W of its own: the mean error of the text, %.4f, is below that of its tokens permuted, %.4f", real.Mean, shuffled.Mean),
			Reason:    "0 is no difference"},
		{ID: "windows/exact", Source: "ours", Relation: AtLeast, Predicted: 1, Measured: Number(min(real.Distinct, shuffled.Distinct)),
			Statement: fmt.Sprintf("every window whose inputs are distinct tokens is fitted exactly, shuffled ones too: %.1f %% of all windows are in the text, %.1f %% shuffled", 100*real.Exact, 100*shuffled.Exact),
			Reason:    fmt.Sprintf("fewer pairs than dimensions; exactly is an error below %g, for rounding", text.ExactBelow)},
		{ID: "windows/rest", Source: "ours", Relation: Equals, Measured: Number(real.Rest - shuffled.Rest), Tolerance: 0.06,
			Statement: fmt.Sprintf("without the windows that are fitted exactly the text, %.3f, is no better than shuffled, %.3f: what differs is how often tokens repeat", real.Rest, shuffled.Rest),
			Reason:    "five standard errors of the difference, each 0.012"},
	}
}
