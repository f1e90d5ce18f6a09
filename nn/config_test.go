package nn

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

func TestConfigCheck(t *testing.T) {
	if err := DefaultConfig().Check(); err != nil {
		t.Errorf("default: %v", err)
	}
	for _, test := range []struct {
		change func(*Config)
		want   string
	}{
		{func(c *Config) { c.Embed = 7 }, "embed 7 is not a multiple of width 3: tokens are " +
			"repeated embed/width times; use embed 6 or 9"},
		{func(c *Config) { c.Embed = 2 }, "embed 2 is not a multiple of width 3: tokens are " +
			"repeated embed/width times; use embed 3"},
		{func(c *Config) { c.Width = 0 }, "width 0 is too small: use 1 or more"},
		{func(c *Config) { c.Embed = -3 }, "embed -3 is too small: use 1 or more"},
		{func(c *Config) { c.Depth = 0 }, "depth 0 is too small: use 1 or more"},
		{func(c *Config) { c.Heads = 0 }, "heads 0 is too small: use 1 or more"},
		{func(c *Config) { c.MLP = -1 }, "mlp -1 is too small: use 0 or more"},
		{func(c *Config) { c.Length = 0 }, "length 0 is too small: use 1 or more"},
		{func(c *Config) { c.Coords = 0 }, "coords 0 is too small: use 1 or more"},
		{func(c *Config) { c.Coords = 4 }, "coords 4 is larger than width 3: targets are the " +
			"first coordinates of a prediction; use coords 3 or less"},
		{func(c *Config) { c.Attention = "cubic" },
			`unknown attention "cubic": use one of [linear softmax]`},
		{func(c *Config) { c.Attention = "" }, `unknown attention "": use one of [linear softmax]`},
		{func(c *Config) { c.Position = "rotary" },
			`unknown position "rotary": use one of [none additive product]`},
		{func(c *Config) { c.Activation = GELU },
			"mlp_norm and activation are about the MLP, and there is none: use mlp 4"},
		{func(c *Config) { c.MLP, c.Activation = 4, "tanh" },
			`unknown activation "tanh": use one of [relu gelu]`},
		{func(c *Config) { c.Depth = 1<<30 + 1 },
			"depth 1073741825 is too large: use at most 1073741824"},
		{func(c *Config) { c.Embed, c.Heads = 3<<28, 1<<30 },
			"the model has 2.09e+27 parameters, more than 1073741824: use a smaller embed, " +
				"heads, mlp or depth"},
	} {
		c := DefaultConfig()
		test.change(&c)
		if err := c.Check(); err == nil || err.Error() != test.want {
			t.Errorf("%v\nwant\n%s", err, test.want)
		}
		if _, err := New[float32](c, 1); err == nil {
			t.Errorf("New takes a config with %s", test.want)
		}
	}
}

// TestConfigKeys checks that a config is written under the keys of the Python
// definition and read back over the defaults.
func TestConfigKeys(t *testing.T) {
	want := Config{
		Width: 5, Embed: 10, Depth: 2, Heads: 8, Attention: SoftmaxAttention, Norm: false,
		Residual: true, MLP: 4, Position: ProductPosition, Length: 50, Coords: 4,
	}
	const text = `{"width":5,"embed":10,"depth":2,"heads":8,"attention":"softmax","norm":false,"residual":true,"mlp":4,"position":"product","length":50,"coords":4}`
	if b, err := json.Marshal(want); err != nil || string(b) != text {
		t.Errorf("%s, %v", b, err)
	}
	lines := strings.NewReplacer(`{`, "", `}`, "\n", `"`, "", ",", "\n", ":", ": ").Replace(text)
	if b, err := yaml.Marshal(want); err != nil || string(b) != lines {
		t.Errorf("%s, %v", b, err)
	}
	got := DefaultConfig()
	if err := yaml.UnmarshalWithOptions([]byte(lines), &got, yaml.Strict()); err != nil ||
		got != want {
		t.Errorf("%+v, %v", got, err)
	}
	got = DefaultConfig()
	if err := yaml.Unmarshal([]byte("heads: 3\n"), &got); err != nil {
		t.Fatal(err)
	}
	want = DefaultConfig()
	want.Heads = 3
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

// TestParameterCount checks the number that Check bounds.
func TestParameterCount(t *testing.T) {
	for _, position := range []Position{NoPosition, AdditivePosition, ProductPosition} {
		for _, norm := range []bool{true, false} {
			for mlp := range 3 {
				c := Config{Width: 2, Embed: 6, Depth: 3, Heads: 5, Attention: LinearAttention,
					Norm: norm, MLP: mlp, Position: position, Length: 7, Coords: 1}
				n := 0
				for _, p := range newModel[float32](t, c, 1).Parameters() {
					n += len(p.Data)
				}
				if count := c.Parameters(); count != n {
					t.Errorf("%+v: %d parameters, counted %d", c, count, n)
				}
			}
		}
	}
}
