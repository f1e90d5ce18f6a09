package bench

import (
	"slices"

	"gonum.org/v1/gonum/stat"
)

// Result is a case as measured. Fields that are nil were not measured.
type Result struct {
	Case           string   `json:"case"`
	Length         int      `json:"length"`           // T
	SecondsPerStep float64  `json:"seconds_per_step"` // the least
	MedianSeconds  float64  `json:"median_seconds_per_step"`
	Steps          int      `json:"steps"`
	PeakMiB        *float64 `json:"peak_mib"`
	GFlops         *float64 `json:"gflops"`   // nn.Config.Flops of a step over SecondsPerStep, 10⁹/s
	Roofline       *float64 `json:"roofline"` // of that, the fraction of Roofline
	Kernel         string   `json:"kernel"`
	Against        *Ratio   `json:"against,omitempty"`
}

// Ratio compares a case with another program's.
type Ratio struct {
	Program        string   `json:"program,omitempty"` // of its last round
	SecondsPerStep float64  `json:"seconds_per_step"`  // the other's least
	PeakMiB        *float64 `json:"peak_mib"`
	Ratio          float64  `json:"ratio"` // of the other's least to ours
	// the least of the ratios of the rounds, least against least
	WorstRound float64 `json:"worst_round"`
}

// Summarise returns the result of the rounds of a case, ours and, unless there
// are none, the other's, where the kernel called loops has a peak of so many
// operations a second; that of a card is not known.
func Summarise(c Case, loops string, peak float64, ours []Sample, others []Other) (Result, error) {
	r := Result{Case: c.Name, Length: c.Config.Length, Kernel: ours[0].Kernel}
	var all []float64
	for _, s := range ours {
		all = append(all, s.Seconds...)
		r.PeakMiB = larger(r.PeakMiB, s.PeakMiB)
	}
	slices.Sort(all)
	r.SecondsPerStep, r.Steps = all[0], len(all)
	r.MedianSeconds = stat.Quantile(0.5, stat.LinInterp, all, nil)
	flops, err := c.Flops()
	if err != nil {
		return r, err
	}
	if flops > 0 {
		rate := flops / r.SecondsPerStep
		gflops, roofline := rate/1e9, rate/peak
		r.GFlops = &gflops
		if r.Kernel == loops {
			r.Roofline = &roofline
		}
	}
	for i, o := range others {
		ratio := o.Seconds / slices.Min(ours[i].Seconds)
		if r.Against == nil {
			r.Against = &Ratio{SecondsPerStep: o.Seconds, WorstRound: ratio}
		}
		a := r.Against
		a.SecondsPerStep = min(a.SecondsPerStep, o.Seconds)
		a.WorstRound = min(a.WorstRound, ratio)
		a.PeakMiB, a.Program = larger(a.PeakMiB, o.PeakMiB), o.Program
		a.Ratio = a.SecondsPerStep / r.SecondsPerStep
	}
	return r, nil
}

// larger returns the larger of two numbers that may be missing.
func larger(a, b *float64) *float64 {
	if a == nil || b != nil && *b > *a {
		return b
	}
	return a
}
