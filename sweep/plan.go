package sweep

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"

	"icar/ar"
	"icar/setting"
	"icar/train"
)

// Training is the kind of a sweep whose trials are runs of package train.
const Training = "train"

// Plan is a search over the settings of train.Config: the product of a grid,
// of lists taken side by side and of random draws, each on top of a base.
type Plan struct {
	Catalogue     *train.Catalogue // what the settings mean
	Base          []setting.Setting
	Grid          []List // every value with every value
	Zip           []List // first with first, second with second: equally long
	Random        []Draw
	Samples       int    // random draws
	Seed          uint64 // of the draws
	Attempts      int
	StopOnFailure bool
}

// List is a key of train.Config and its values.
type List struct {
	Key    string
	Values []string
}

// Draw is a key of train.Config and the law of its values.
type Draw struct {
	Key       string
	Law       string   // uniform or log on [Low, High], integers from Low to High, or choice
	Low, High float64  // not of choice
	Choice    []string // of choice
}

// MaxTrials is the largest number of trials of a plan.
const MaxTrials = 1_000_000

// MaxAttempts is the largest number of attempts at a trial that a plan allows.
const MaxAttempts = 1000

// Trials returns the resolved configurations of the plan, the grid's last key
// changing faster than those before it, then zip, then the draws, and how many
// were left out because an earlier one resolves to the same. The identity of a
// trial is the hash of its configuration and the arithmetic; of sequences in files,
// which are read here, their SHA-256 is in it. The error names the trial that cannot
// be run.
func (p Plan) Trials(arithmetic string) (trials []Spec, repeated int, err error) {
	total := p.size()
	if total > MaxTrials {
		return nil, 0, fmt.Errorf("the plan has more than %d trials: make it smaller", MaxTrials)
	}
	seen, files := map[string]bool{}, train.Files{}
	for i := range int(total) {
		settings := p.settings(i)
		c := p.Catalogue.Config()
		if err = c.Assign(settings...); err == nil {
			c, err = files.Fill(c)
		}
		if err == nil {
			c, err = c.Resolve()
		}
		if err != nil {
			return nil, 0, fmt.Errorf("trial %d, %v: %w", i+1, settings[len(p.Base):], err)
		}
		config := c.YAML()
		id := Identity(config, arithmetic)
		if seen[id] {
			repeated++
			continue
		}
		seen[id] = true
		trials = append(trials, Spec{id, config})
	}
	return trials, repeated, nil
}

// Identity returns the identity of a trial: the first 16 digits of the hash of
// its resolved configuration and the arithmetic.
func Identity(config []byte, arithmetic string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s", arithmetic, config)
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// Name returns the identity of a sweep, which follows from its trials and the
// program that does them.
func Name(program string, trials []Spec) string {
	h := sha256.New()
	fmt.Fprintln(h, program)
	for _, t := range trials {
		fmt.Fprintln(h, t.ID)
	}
	return hex.EncodeToString(h.Sum(nil)[:6])
}

// size returns the number of trials, as a float64 that does not overflow.
func (p Plan) size() float64 {
	n := 1.
	for _, g := range p.Grid {
		n *= float64(len(g.Values))
	}
	return n * float64(p.zipped()) * float64(p.sampled())
}

func (p Plan) zipped() int {
	if len(p.Zip) == 0 {
		return 1
	}
	return len(p.Zip[0].Values)
}

func (p Plan) sampled() int {
	if len(p.Random) == 0 {
		return 1
	}
	return p.Samples
}

// settings returns what trial i sets, the base first.
func (p Plan) settings(i int) []setting.Setting {
	all := slices.Clone(p.Base)
	sample, i := i%p.sampled(), i/p.sampled()
	row, i := i%p.zipped(), i/p.zipped()
	grid := make([]setting.Setting, len(p.Grid))
	for j := len(p.Grid) - 1; j >= 0; j-- {
		g := p.Grid[j]
		grid[j] = setting.Setting{Key: g.Key, Value: g.Values[i%len(g.Values)]}
		i /= len(g.Values)
	}
	all = append(all, grid...)
	for _, z := range p.Zip {
		all = append(all, setting.Setting{Key: z.Key, Value: z.Values[row]})
	}
	for _, d := range p.Random {
		value := d.value(ar.Rand(p.Seed, "sweep/"+d.Key, uint64(sample)))
		all = append(all, setting.Setting{Key: d.Key, Value: value})
	}
	return all
}

func (d Draw) value(r *rand.Rand) string {
	switch d.Law {
	case "choice":
		return d.Choice[r.IntN(len(d.Choice))]
	case "integers":
		return strconv.FormatInt(int64(d.Low)+r.Int64N(int64(d.High)-int64(d.Low)+1), 10)
	case "log":
		return number(math.Exp(math.Log(d.Low) + r.Float64()*(math.Log(d.High)-math.Log(d.Low))))
	}
	return number(d.Low + r.Float64()*(d.High-d.Low))
}

// number writes a draw to six digits, which is what is meant by a random
// number and the same on every machine.
func number(x float64) string {
	y, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 6, 64), 64)
	if err != nil {
		return "0"
	}
	return strconv.FormatFloat(y, 'f', -1, 64)
}
