package ar

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// change returns the default process with one thing altered.
func change(family Family, d int, alter func(*Process)) Process {
	p := New(family, d)
	alter(&p)
	return p
}

func TestNewProcessOfEveryFamilyPasses(t *testing.T) {
	for _, family := range Families() {
		p := New(family, 4)
		if err := p.Check(); err != nil {
			t.Errorf("%s: %v", family, err)
		}
		if p.Mu != 1 || p.Rho != 1 || p.Sigma != 0 {
			t.Errorf("%s: defaults are μ = %v, ρ = %v, σ = %v, want 1, 1, 0", family, p.Mu, p.Rho, p.Sigma)
		}
	}
}

func TestCheckSaysWhatToDo(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	mu := func(x float64) func(*Process) { return func(p *Process) { p.Mu = x } }
	rho := func(x float64) func(*Process) { return func(p *Process) { p.Rho = x } }
	sigma := func(x float64) func(*Process) { return func(p *Process) { p.Sigma = x } }
	noise := func(x Noise) func(*Process) { return func(p *Process) { p.Noise = x } }
	for _, c := range []struct {
		family Family
		d      int
		alter  func(*Process)
		want   string // empty: no error
	}{
		{"ortho", 4, rho(1), `unknown family "ortho": use one of [unitary rotation haar so]`},
		{Haar, 0, rho(1), "token dimension d = 0 is not positive: use d = 1 or more"},
		{Rotation, 7, rho(1), "token dimension d = 7 is odd: the rotation family needs pairs; use d = 8"},
		{Unitary, 7, mu(0), "context spread μ = 0 is not positive: use μ = 1 for the whole circle"},
		{Unitary, 7, mu(-3), "context spread μ = -3 is not positive: use μ = 1 for the whole circle"},
		{Unitary, 7, mu(0.5), "context spread μ = 0.5 is below 1: the angles U[0, 2π/μ] would " +
			"overlap; use μ = 1"},
		{Unitary, 7, mu(nan), "context spread μ = NaN is not finite: use μ = 1"},
		{Rotation, 6, mu(inf), "context spread μ = +Inf is not finite: use μ = 1"},
		{Haar, 5, mu(3), "context spread μ = 3: the haar family has no angles to spread; use μ = 1"},
		{Unitary, 1, mu(300), ""},
		{Rotation, 2, mu(2), ""},
		{Haar, 5, rho(0), "contraction ρ = 0 is not in (0, 1]: use ρ = 1 for none"},
		{Haar, 5, rho(1.01), "contraction ρ = 1.01 is not in (0, 1]: use ρ = 1 for none"},
		{Haar, 5, rho(nan), "contraction ρ = NaN is not in (0, 1]: use ρ = 1 for none"},
		{Haar, 5, rho(0.9), ""},
		{Special, 5, sigma(-1), "noise level σ = -1 is negative: use σ = 0 for none"},
		{Special, 5, sigma(nan), "noise level σ = NaN is not finite: use σ = 0 for none"},
		{Special, 5, sigma(inf), "noise level σ = +Inf is not finite: use σ = 0 for none"},
		{Special, 5, sigma(2), ""},
		{Unitary, 5, noise("pink"), `unknown noise "pink": use "real" or "circular"`},
		{Haar, 5, noise(""), `unknown noise "": use "real" or "circular"`},
		{Unitary, 5, noise(RealNoise), ""},
		{Unitary, 5, noise(CircularNoise), ""},
		{Rotation, 4, noise(CircularNoise),
			`noise "circular" would break the conjugate pairs of the rotation family: use "real"`},
		{Haar, 5, noise(CircularNoise),
			`noise "circular" is complex and the haar family has real states: use "real"`},
		{Special, 5, noise(CircularNoise),
			`noise "circular" is complex and the so family has real states: use "real"`},
	} {
		err := change(c.family, c.d, c.alter).Check()
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", c.family, err)
			}
		} else if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", c.family, err, c.want)
		}
	}
}

// A configuration file and the JSON documents hold the same keys.
func TestProcessRoundTripsThroughJSONAndYAML(t *testing.T) {
	want := Process{Family: Unitary, D: 3, Mu: 50, Rho: 0.9, Sigma: 0.1, Noise: CircularNoise}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if keys := `{"family":"unitary","d":3,"mu":50,"rho":0.9,"sigma":0.1,"noise":"circular"}`; string(text) != keys {
		t.Errorf("JSON is %s, want %s", text, keys)
	}
	var fromJSON, fromYAML Process
	if err := json.Unmarshal(text, &fromJSON); err != nil || fromJSON != want {
		t.Errorf("JSON: %+v, %v", fromJSON, err)
	}
	file := "family: unitary\nd: 3\nmu: 50\nrho: 0.9\nsigma: 0.1\nnoise: circular\n"
	if err := yaml.UnmarshalWithOptions([]byte(file), &fromYAML, yaml.Strict()); err != nil ||
		fromYAML != want {
		t.Errorf("YAML: %+v, %v", fromYAML, err)
	}
}
