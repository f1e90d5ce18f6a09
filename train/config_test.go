package train

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"icar/ar"
	"icar/nn"
)

// small is a run of a second or less: 2 epochs of 4 steps.
func small() Config {
	c := DefaultConfig()
	c.D, c.Length, c.Batch, c.Train, c.Test, c.Epochs, c.EvalEvery, c.CheckpointEvery = 3, 6, 32, 128,
		48, 2, 4, 3
	return c
}

func TestDefaultIsFig5(t *testing.T) {
	c, err := DefaultConfig().Resolve()
	if err != nil {
		t.Fatal(err)
	}
	if c.Width != 15 || c.Embed != 15 || c.Coords != 5 || c.Steps() != 3200 {
		t.Errorf("width %d, embed %d, coords %d, %d steps", c.Width, c.Embed, c.Coords, c.Steps())
	}
	again, err := c.Resolve()
	if err != nil || again != c {
		t.Errorf("resolved twice: %+v, %v", again, err)
	}
}

func TestWrongValuesSayWhatToUse(t *testing.T) {
	for _, test := range []struct {
		change func(*Config)
		want   string
	}{
		{func(c *Config) { c.Family = "har" }, `unknown family "har": did you mean haar?`},
		{func(c *Config) { c.Family = ar.Unitary },
			`unknown family "unitary": use one of haar, rotation, so`},
		{func(c *Config) { c.Family = ar.Rotation }, "use d = 6"},
		{func(c *Config) { c.D = 0 }, "use d = 1 or more"},
		{func(c *Config) { c.Rho = math.NaN() }, "use ρ = 1 for none"},
		{func(c *Config) { c.Noise = ar.CircularNoise }, `use "real"`},
		{func(c *Config) { c.Tokens = "augmente" },
			`unknown tokens "augmente": did you mean augmented?`},
		{func(c *Config) { c.Width = 5 }, "width 5 does not fit: augmented tokens of d = 5 have " +
			"width 15; use that, or 0"},
		{func(c *Config) { c.Embed = 16 }, "embed 16 is not a multiple of width 15: tokens are " +
			"repeated embed/width times; use embed 15 or 30"},
		{func(c *Config) { c.Coords = 15 }, "coords 15 does not fit: a target is a state of d = " +
			"5 coordinates; use that, or 0"},
		{func(c *Config) { c.Depth = 0 }, "depth 0 is too small: use 1 or more"},
		{func(c *Config) { c.Attention = "quadratic" }, `unknown attention "quadratic"`},
		{func(c *Config) { c.Length = 0 }, "length 0 is too small: use 1 or more"},
		{func(c *Config) { c.Batch = 0 }, "batch 0 is too small: use 1 or more"},
		{func(c *Config) { c.Train = -1 }, "train -1 is too small: use 1 or more"},
		{func(c *Config) { c.Test = 0 }, "test 0 is too small: use 1 or more"},
		{func(c *Config) { c.Epochs = 0 }, "epochs 0 is too small: use 1 or more"},
		{func(c *Config) { c.EvalEvery = -1 }, "eval_every -1 is too small: use 0 or more"},
		{func(c *Config) { c.Epochs = 1 << 40 },
			"epochs 1099511627776 is too large: use at most 1073741824"},
		{func(c *Config) { c.Batch = 1 << 15 },
			"batch 32768 is more than the 16384 training sequences: use batch 16384 or less"},
		{func(c *Config) { c.Batch = 1000 }, "train 16384 is not a multiple of batch 1000: use " +
			"train 16000 or 17000"},
		{func(c *Config) { c.LearningRate = -1 },
			"learning_rate -1 is not a positive number: use 0.01"},
		{func(c *Config) { c.LearningRate = math.NaN() },
			"learning_rate NaN is not a positive number"},
		{func(c *Config) { c.LearningRate = math.Inf(1) },
			"learning_rate +Inf is not a positive number"},
		{func(c *Config) { c.Optimiser = "adma" },
			`unknown optimiser "adma": did you mean adam or adamw?`},
		{func(c *Config) { c.KeepEvery = -1 }, "keep_every -1 is too small: use 0 or more"},
		{func(c *Config) { c.KeepEvery, c.Epochs = 1, 1000 },
			"keep_every 1 keeps 16000 checkpoints of the 16000 steps: use 2 or more, or 0 for none"},
		{func(c *Config) { c.WeightDecay = 0.1 },
			"weight_decay 0.1 is a setting of the optimiser adamw: use that, or weight_decay 0"},
		{func(c *Config) { c.Optimiser, c.WeightDecay = "adamw", -1 },
			"weight_decay -1 is not a number from 0 on: use 0.01, as PyTorch does"},
		{func(c *Config) { c.Optimiser, c.WeightDecay = "adamw", math.Inf(1) },
			"weight_decay +Inf is not a number"},
		{func(c *Config) { c.Optimiser, c.WeightDecay = "adamw", 100 },
			"weight_decay 100 at the learning_rate 0.01 takes away all of a weight in a step: " +
				"use one below 100"},
		{func(c *Config) { c.Schedule = "cos" }, `unknown schedule "cos": did you mean cosine?`},
		{func(c *Config) { c.Warmup = -1 }, "warmup -1 leaves none of the 3200 steps"},
		{func(c *Config) { c.Warmup = 3200 }, "use 0 for no warm-up, or at most 3199"},
		{func(c *Config) { c.Clip = -1 }, "clip -1 is not a norm: use 0 for no clipping"},
		{func(c *Config) { c.Clip = math.NaN() }, "clip NaN is not a norm"},
		{func(c *Config) { c.Train = 1 << 30 },
			"the training sequences would be 2.74e+11 numbers, more than 2147483648: use a " +
				"smaller train, length or d, or fresh sequences"},
		{func(c *Config) { c.Test = 1 << 30 }, "the test sequences would be"},
		{func(c *Config) { c.Length = 1 << 20 }, "the training sequences would be"},
		{func(c *Config) { c.Length, c.Train, c.Batch, c.Test = 1<<20, 1, 1, 1 },
			"the attention of a sequence would be"},
		{func(c *Config) { c.Heads, c.Embed = 64, 1500 },
			"the gradients of the blocks of a batch would be"},
		{func(c *Config) { c.Batch, c.Train, c.Fresh = 1<<28, 1<<28, true }, "would be"},
	} {
		c := DefaultConfig()
		test.change(&c)
		_, err := c.Resolve()
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(),
			"\n") {
			t.Errorf("%v, want %q", err, test.want)
		}
	}
}

// Fresh sequences are drawn a batch at a time, so an epoch may be large.
func TestFreshEpochMayBeLarge(t *testing.T) {
	c := DefaultConfig()
	c.Train, c.Fresh = 1<<30, true
	if _, err := c.Resolve(); err != nil {
		t.Error(err)
	}
}

func TestCosineSchedule(t *testing.T) {
	c := small() // 8 steps
	c.Schedule = Cosine
	for k, want := range map[int]float64{1: 0.01, 3: 0.008535533905932738, 5: 0.005,
		8: 0.00038060233744356627} {
		if got := c.rate(k); math.Abs(got-want) > 1e-17 {
			t.Errorf("step %d: η = %v, want %v", k, got, want)
		}
	}
	c.Schedule = Constant
	if got := c.rate(8); got != 0.01 {
		t.Errorf("constant: η = %v", got)
	}
}

// The rate rises in proportion to the step and reaches η at the last step of the
// warm-up; the schedule has the steps that are left.
func TestWarmup(t *testing.T) {
	c := small() // 8 steps
	c.Warmup = 4
	for k, want := range map[int]float64{1: 0.0025, 2: 0.005, 4: 0.01, 5: 0.01, 8: 0.01} {
		if got := c.rate(k); got != want {
			t.Errorf("step %d: η = %v, want %v", k, got, want)
		}
	}
	c.Schedule = Cosine
	for k, want := range map[int]float64{4: 0.01, 5: 0.01, 7: 0.005, 8: 0.0014644660940672624} {
		if got := c.rate(k); math.Abs(got-want) > 1e-17 {
			t.Errorf("cosine, step %d: η = %v, want %v", k, got, want)
		}
	}
}

// TestRatesOfPyTorch compares every schedule with PyTorch's schedulers, of which
// nn/testdata/oracle.py wrote down the rates.
func TestRatesOfPyTorch(t *testing.T) {
	data, err := os.ReadFile("../nn/testdata/descent.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Warmup       int       `json:"warmup"`
		Schedule     Schedule  `json:"schedule"`
		LearningRate float64   `json:"learning_rate"`
		Rates        []float64 `json:"rates"` // (K)
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]bool{}
	for _, test := range cases {
		kinds[fmt.Sprint(test.Schedule, test.Warmup > 0)] = true
		c := small()
		c.Epochs, c.Train, c.LearningRate = len(test.Rates), c.Batch, test.LearningRate
		c.Warmup, c.Schedule = test.Warmup, test.Schedule
		for i, want := range test.Rates {
			if got := c.rate(i + 1); math.Abs(got-want) > 1e-16 {
				t.Errorf("%s after %d steps: step %d has η = %v, PyTorch %v", c.Schedule,
					c.Warmup, i+1, got, want)
			}
		}
	}
	if len(kinds) != 4 {
		t.Errorf("the cases are %v", kinds)
	}
}

// An experiment keeps configurations as JSON, under the same keys.
func TestJSONHasTheKeys(t *testing.T) {
	c := DefaultConfig()
	c.Position = nn.ProductPosition
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	var back Config
	if err := json.Unmarshal(data, &members); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &back); err != nil || back != c {
		t.Errorf("JSON gave %+v, %v", back, err)
	}
	for _, k := range c.Keys() {
		if _, ok := members[k.Name]; ok != k.Written() {
			t.Errorf("JSON has %s: %v", k.Name, ok)
		}
		delete(members, k.Name)
	}
	if len(members) > 0 {
		t.Errorf("no keys: %v", members)
	}
}
