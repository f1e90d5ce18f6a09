package train

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"icar/nn"
)

func TestYAMLRoundTrip(t *testing.T) {
	c := DefaultConfig()
	c.LearningRate, c.Seed, c.Rho, c.Fresh, c.Position = 1e-5, 1<<64-1, 1.0/3, true, "product"
	var back Config
	if err := back.Decode(c.YAML()); err != nil || back != c {
		t.Errorf("%s gave %+v, %v", c.YAML(), back, err)
	}
}

func TestDecodeKeepsTheRest(t *testing.T) {
	want := DefaultConfig()
	want.D, want.LearningRate, want.Norm, want.Tokens = 7, 0.001, false, "plain"
	for _, file := range []string{
		"d: 7 # odd\nlearning_rate: 1e-3\nnorm: false\ntokens: plain\n",
		"{d: 7, learning_rate: .001, norm: false, tokens: \"plain\"}",
	} {
		c := DefaultConfig()
		if err := c.Decode([]byte(file)); err != nil || c != want {
			t.Errorf("%q gave %+v, %v", file, c, err)
		}
	}
	for _, file := range []string{"", "\n", "# nothing\n", "---\n", "{}"} {
		c := DefaultConfig()
		if err := c.Decode([]byte(file)); err != nil || c != DefaultConfig() {
			t.Errorf("%q gave %+v, %v", file, c, err)
		}
	}
}

func TestDecodeErrorsNameTheLine(t *testing.T) {
	for file, want := range map[string]string{
		"d: 3\nlearning-rate: 1\n":    `line 2: unknown key "learning-rate": did you mean learning_rate?`,
		"process: haar\n":             `line 1: unknown key "process": use one of activation, `,
		"<<: {d: 3}\n":                `line 1: unknown key "<<"`,
		"d: 3\nseed: 1\nd: 4\n":       "line 3: ",
		"depth: two\n":                `line 1: depth: "two" is not a whole number`,
		"depth: 1.5\n":                `line 1: depth: "1.5" is not a whole number`,
		"depth: 99999999999999999999": "line 1: depth: 99999999999999999999 is out of range",
		"seed: -1\n":                  `line 1: seed: "-1" is not a whole number from 0`,
		"norm: yes\n":                 `line 1: norm: "yes" is not true or false`,
		"learning_rate: fast\n":       `line 1: learning_rate: "fast" is not a number`,
		"learning_rate: 1e999\n":      "line 1: learning_rate: 1e999 is out of range",
		"depth:\n":                    "line 1: depth: want one word or number",
		"depth: [1]\n":                "line 1: depth: want one word or number",
		"depth: &a 1\n":               "line 1: depth: want one word or number",
	} {
		c := DefaultConfig()
		err := c.Decode([]byte(file))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(),
			"\n") {
			t.Errorf("%q: %v, want %q", file, err, want)
		}
		if errors.Is(err, ErrSyntax) != strings.HasPrefix(file,
			"d: 3\nseed") { // the parser itself finds doubles
			t.Errorf("%q: a syntax error: %v", file, err)
		}
	}
	for _, file := range []string{"d: [", "a list\n", "- d\n", "d: 3\n---\nd: 4\n", "\td: 3",
		"d: 3\n x: 1\n", "\x00", "d: \"3"} {
		c := DefaultConfig()
		if err := c.Decode([]byte(file)); !errors.Is(err, ErrSyntax) ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want one line about no YAML", file, err)
		}
	}
}

// FuzzDecode looks for files that crash the decoder or are read as something
// that is not written back the same.
func FuzzDecode(f *testing.F) {
	f.Add(DefaultConfig().YAML())
	f.Add([]byte("{d: 7, norm: false}"))
	f.Add([]byte("? [d]\n: 3\n"))
	f.Add([]byte("d: &a 3\nlength: *a\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		c := DefaultConfig()
		if err := c.Decode(file); err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("many lines: %v", err)
			}
			return
		}
		resolved, err := c.Resolve()
		if err != nil {
			return
		}
		var back Config
		if err := back.Decode(resolved.YAML()); err != nil || back != resolved {
			t.Errorf("%q resolves to %+v, which is read back as %+v, %v", file, resolved, back, err)
		}
	})
}

// The table of keys in docs/training.md is that of the code.
func TestKeysAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/training.md")
	if err != nil {
		t.Fatal(err)
	}
	table := "| key | default | meaning |\n|---|---|---|\n"
	for _, k := range Standard().Keys() {
		table += fmt.Sprintf("| `%s` | `%s` | %s |\n", k.Name, k, k.Means)
	}
	if !strings.Contains(string(page), "\n\n"+table+"\n") {
		t.Errorf("docs/training.md does not hold this table:\n%s", table)
	}
}

// TestUsualLayersAreNotWritten checks that files keep the bytes they had before
// there was a choice of mixers, and hold the choice where one was made.
func TestUsualLayersAreNotWritten(t *testing.T) {
	c := DefaultConfig()
	if file := string(c.YAML()); strings.Contains(file, "mixer") || strings.Contains(file,
		"_norm") || strings.Contains(file, "activation") {
		t.Errorf("the file of the usual layers is\n%s", file)
	}
	if err := c.Decode([]byte("mixer: full\n")); err != nil || c != DefaultConfig() {
		t.Errorf("mixer: full is %+v, %v", c, err)
	}
	if err := c.Decode([]byte("mixer: multihead\npre_norm: true\n")); err != nil ||
		c.Mixer != "multihead" || !c.PreNorm {
		t.Errorf("%+v, %v", c, err)
	}
	back := DefaultConfig()
	if err := back.Decode(c.YAML()); err != nil || back != c {
		t.Errorf("%+v, %v", back, err)
	}
	if err := c.Decode([]byte("mlp: 4\nactivation: gelu\nmlp_norm: true\nfinal_norm: true\n")); err != nil ||
		c.Activation != nn.GELU || !c.MLPNorm || !c.FinalNorm {
		t.Errorf("%+v, %v", c, err)
	}
	if err := back.Decode(c.YAML()); err != nil || back != c {
		t.Errorf("%+v, %v", back, err)
	}
	c.Mixer = "multihaed"
	if _, err := c.Resolve(); err == nil ||
		err.Error() != `unknown mixer "multihaed": did you mean multihead?` {
		t.Errorf("%v", err)
	}
}
