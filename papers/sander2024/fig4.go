package sander2024

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"icar/ar"
	"icar/experiment"
	"icar/outcome"
	"icar/text"
	"icar/text/moby"
)

// fig4 asks whether Moby-Dick in GloVe vectors is an autoregressive process.
func fig4() experiment.Experiment {
	return experiment.Define(experiment.Spec[textConfig, textResult]{
		Name: "fig4", Source: "Fig. 4",
		Summary: "is a sentence an autoregressive process? Windows of Moby-Dick fitted one by " +
			"one, by the authors' protocol and by ours, and by one W on held-out text, against " +
			"three nulls",
		Quick: 4 * time.Second, Paper: 40 * time.Second,
		Trials: func(scale outcome.Scale, seed uint64) []textConfig {
			many, few := 19, 10
			if scale == outcome.Paper {
				many, few = 1000, 100
			}
			trials := textTrials(10_000, 5, []int{20, 100}, []int{many, few}, seed)
			return append(trials, wholeTrials(5, 20, max(few, 19), seed)...)
		},
		Run: textRun(sync.OnceValues(mobySequence)),
		Collect: func(all []experiment.Done[textConfig, textResult]) (experiment.Findings, error) {
			found, err := collectText(all)
			if err == nil {
				found.Claims, err = fig4Claims(all)
			}
			return found, err
		},
	})
}

// LeastTokens are the tokens that a text has to have for Text.
const LeastTokens = 1000

// TextOptions are the sizes of Text.
type TextOptions struct {
	Windows int // that are drawn
	Length  int // tokens a window
	Dims    int // principal axes
	Nulls   int // texts of each null, to which W is fitted anew
}

// Text returns the experiment of fig4 for a text of the user's, without
// claims: what holds for it is for them to say.
func Text(s *text.Sequence, o TextOptions) experiment.Experiment {
	return experiment.Define(experiment.Spec[textConfig, textResult]{
		Name: "text", Source: "ours", Summary: "is this text an autoregressive process?",
		Trials: func(_ outcome.Scale, seed uint64) []textConfig {
			trials := textTrials(o.Windows, o.Length, []int{o.Dims}, []int{o.Nulls}, seed)
			return slices.DeleteFunc(trials, func(c textConfig) bool {
				return c.Frequent > 0 && len(s.Without(c.Frequent).Tokens) < LeastTokens
			})
		},
		Run:     textRun(func() (*text.Sequence, error) { return s, nil }),
		Collect: collectText,
	})
}

func mobySequence() (*text.Sequence, error) {
	book, err := moby.Text()
	if err != nil {
		return nil, err
	}
	table, err := moby.Vectors()
	if err != nil {
		return nil, err
	}
	words, err := text.NewWords(table)
	if err != nil {
		return nil, err
	}
	return text.NewSequence(book, words, table)
}

// part is what a trial does.
type part string

const (
	authorsPart  part = "authors"  // the paper's figure by the authors' protocol: a W a window
	windowsPart  part = "windows"  // the same by ours
	fitPart      part = "fit"      // one W, on held-out windows
	nullPart     part = "null"     // the same on texts of a null
	passagesPart part = "passages" // W from the context
)

// textConfig is a trial. Fields that its part does not use are 0 or "".
type textConfig struct {
	Part     part       `json:"part"`
	Windows  int        `json:"windows"`
	Length   int        `json:"length"`   // tokens a window
	Dims     int        `json:"dims"`     // principal axes k
	Split    text.Split `json:"split"`    // which windows are held out
	Frequent int        `json:"frequent"` // most frequent tokens that are left out
	Null     text.Null  `json:"null"`
	Lag      int        `json:"lag"`
	From     int        `json:"from"` // number of the first text of the null
	Count    int        `json:"count"`
	Seed     uint64     `json:"seed"`
}

// Check implements config.
func (c textConfig) Check() error {
	switch {
	case c.Windows < 10:
		return fmt.Errorf("%d windows leave none to hold out: use windows = 10 or more", c.Windows)
	case c.Length < 2 || c.Length > 50:
		return fmt.Errorf("windows of %d tokens: use length = 2 to 50", c.Length)
	case c.Dims < 1:
		return fmt.Errorf("%d principal axes: use dims = 1 or more", c.Dims)
	case c.Frequent < 0 || c.Count < 0 || c.From < 0:
		return errors.New("a count is negative: use 0 or more")
	case c.Part == nullPart && (c.Lag < 1 || c.Lag >= c.Length):
		return fmt.Errorf("lag %d in windows of %d tokens: use lag = 1 to %d", c.Lag, c.Length,
			c.Length-1)
	case !slices.Contains([]part{authorsPart, windowsPart, fitPart, nullPart, passagesPart},
		c.Part):
		return fmt.Errorf("there is no part %q: use authors, windows, fit, null or passages",
			c.Part)
	case c.Part == fitPart || c.Part == nullPart:
		if c.Split != text.Random && c.Split != text.Contiguous {
			return fmt.Errorf("there is no split %q: use random or contiguous", c.Split)
		}
	}
	return nil
}

// nullChunk is how many texts of a null are one trial.
const nullChunk = 250

// textTrials lists the trials at each number of axes, with so many texts a
// null; lags beyond the second get a fifth.
func textTrials(windows, length int, dims, nulls []int, seed uint64) []textConfig {
	base := textConfig{Windows: windows, Length: length, Dims: dims[0], Seed: seed}
	with := func(change func(*textConfig)) textConfig {
		c := base
		change(&c)
		return c
	}
	var trials []textConfig
	for i, k := range dims {
		for lag := 1; lag < length && (i == 0 || lag == 1); lag++ {
			count := nulls[i]
			if lag > 2 {
				count = (count + 4) / 5
			}
			of := []text.Null{text.TokensPermuted, text.WindowsSwapped, text.Markov}
			if i > 0 {
				of = of[:2] // the chain takes long to no other end than at k
			}
			for _, null := range of {
				for from := 0; from < count; from += nullChunk {
					trials = append(trials, with(func(c *textConfig) {
						c.Part, c.Dims, c.Split, c.Null, c.Lag, c.From, c.Count = nullPart, k,
							text.Contiguous, null, lag, from, min(nullChunk, count-from)
					}))
				}
			}
		}
		for _, split := range []text.Split{text.Random, text.Contiguous} {
			trials = append(trials,
				with(func(c *textConfig) { c.Part, c.Dims, c.Split = fitPart, k, split }))
		}
	}
	return append(trials,
		with(func(c *textConfig) { c.Part, c.Split, c.Frequent = fitPart, text.Contiguous, 100 }),
		with(func(c *textConfig) {
			c.Part, c.Split, c.Frequent, c.Null, c.Lag, c.Count = nullPart, text.Contiguous, 100,
				text.TokensPermuted, 1, max(min(nulls[0], 19), nulls[0]/5)
		}),
		with(func(c *textConfig) { c.Part = authorsPart }),
		with(func(c *textConfig) { c.Part, c.Dims = windowsPart, dims[len(dims)-1] }),
		with(func(c *textConfig) { c.Part = passagesPart }))
}

// everyWindow is more windows than a text has: all are taken.
const everyWindow = 1_000_000

// wholeTrials ask all windows of the text what lags beyond the first find that
// a chain of pairs does not have.
func wholeTrials(length, dims, chains int, seed uint64) []textConfig {
	base := textConfig{Part: fitPart, Windows: everyWindow, Length: length, Dims: dims,
		Split: text.Contiguous, Seed: seed}
	trials := []textConfig{base}
	for lag := 2; lag < length; lag++ {
		c := base
		c.Part, c.Null, c.Lag, c.Count = nullPart, text.Markov, lag, chains
		if lag > 2 { // where the text is far above the chains
			c.Count = (chains + 1) / 2
		}
		trials = append(trials, c)
	}
	return trials
}

// textResult is what a trial found; fields of other parts are left out.
type textResult struct {
	Tokens   int             `json:"tokens"`             // with a vector
	Dropped  int             `json:"dropped"`            // without one
	Dim      int             `json:"dim"`                // of the vectors
	R2       []text.Interval `json:"r2,omitempty"`       // by lag, held out
	Distance float64         `json:"distance,omitempty"` // |WᵀW - I|_F/√k at lag 1
	Singular []float64       `json:"singular,omitempty"` // of W at lag 1
	NullR2   []float64       `json:"null_r2,omitempty"`  // held out, one a text
	// share of the text's tokens that were the most frequent
	Removed  float64        `json:"removed,omitempty"`
	Real     *rollouts      `json:"real,omitempty"`     // the windows of the text
	Shuffled *rollouts      `json:"shuffled,omitempty"` // of its tokens permuted
	Passages *text.Passages `json:"passages,omitempty"`
}

func textRun(load func() (*text.Sequence, error)) func(context.Context,
	textConfig) (textResult, error) {
	return func(ctx context.Context, c textConfig) (textResult, error) {
		s, err := load()
		if err != nil {
			return textResult{}, err
		}
		r := textResult{}
		if c.Frequent > 0 {
			all := len(s.Tokens)
			s = s.Without(c.Frequent)
			r.Removed = 1 - float64(len(s.Tokens))/float64(all)
		}
		r.Tokens, r.Dropped, r.Dim = len(s.Tokens), s.Dropped, s.Dim()
		stream := func(name string) string { return "text/" + name }
		w, err := s.Cut(c.Length, c.Windows, ar.Rand(c.Seed, stream("windows"), 0))
		if err != nil {
			return r, err
		}
		switch shuffled := ar.Rand(c.Seed, stream("shuffled"), 0); c.Part {
		case authorsPart:
			r.Real, r.Shuffled = bothRollouts(s.Unit(), s.First(c.Length, c.Windows),
				authorsError(c, s.Dim()), shuffled)
			return r, nil
		case windowsPart:
			if s, err = s.Reduced(w.Tokens, c.Dims); err != nil {
				return r, err
			}
			r.Real, r.Shuffled = bothRollouts(s, w, ourError, shuffled)
			return r, nil
		case passagesPart:
			p, err := s.ReadPassages(min(passageHalf, len(s.Tokens)/50), c.Dims,
				ar.Rand(c.Seed, stream("passages"), 0))
			r.Passages = &p
			return r, err
		}
		study, err := text.NewStudy(s, w, c.Split, c.Dims, ar.Rand(c.Seed, stream("split"), 0))
		if err != nil {
			return r, err
		}
		if c.Part == nullPart {
			r.NullR2, err = study.Nulls(ctx, c.Null, c.Lag, c.Count,
				ar.Rand(c.Seed, stream(string(c.Null)), uint64(c.From)), nil)
			return r, err
		}
		for lag := 1; lag < c.Length; lag++ {
			f, r2, err := study.Measure(lag, ar.Rand(c.Seed, stream("bootstrap"), uint64(lag)))
			if err != nil {
				return r, err
			}
			if r.R2 = append(r.R2, r2); lag == 1 {
				r.Distance, r.Singular = f.Orthogonality()
			}
		}
		return r, nil
	}
}

// passageHalf is how many tokens of a passage are learnt from, and predicted;
// fewer in a text that would have less than 25 passages.
const passageHalf = 200
