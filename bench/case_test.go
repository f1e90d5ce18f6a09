package bench

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestCasesAreTheOracles compares the models with the table TIMED of
// nn/testdata/oracle.py, whose keys are those of a configuration; a key that it
// leaves out is at its default there.
func TestCasesAreTheOracles(t *testing.T) {
	source, err := os.ReadFile("../nn/testdata/oracle.py")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(source), "TIMED = {")
	table, _, _ = strings.Cut(table, "\n}")
	oracle := map[string]map[string]string{}
	for _, m := range regexp.MustCompile(`"([\w-]+)": config\((.*)\)`).FindAllStringSubmatch(table,
		-1) {
		keys := map[string]string{"depth": "1", "heads": "1", "attention": "linear",
			"norm": "true", "residual": "false", "mlp": "0", "position": "none", "mixer": "full",
			"activation": "relu", "pre_norm": "false", "mlp_norm": "false", "final_norm": "false"}
		for _, pair := range strings.Split(m[2], ", ") {
			key, value, _ := strings.Cut(pair, "=")
			keys[key] = strings.ToLower(strings.Trim(value, `"`))
		}
		oracle[m[1]] = keys
	}
	cases := Cases()
	if len(oracle) != 11 || len(cases) != 12 {
		t.Fatalf("%d cases of the oracle and %d here, want 11 and 12", len(oracle), len(cases))
	}
	for _, c := range cases {
		if c.Name == Sampling {
			continue
		}
		config, err := c.resolve()
		if err != nil {
			t.Fatal(err)
		}
		here := map[string]string{}
		for _, k := range config.Keys() {
			here[k.Name] = k.String()
		}
		for key, want := range oracle[c.Name] {
			if here[key] != want {
				t.Errorf("%s: %s is %s, the oracle's is %s", c.Name, key, here[key], want)
			}
		}
		if len(oracle[c.Name]) == 0 {
			t.Errorf("the oracle has no case %s", c.Name)
		}
	}
}

func TestChooseKeepsTheOrder(t *testing.T) {
	got, err := Choose([]string{"mlp-L4", "fig5-L1", "mlp-L4"})
	if err != nil || !slices.Equal(Names(got), []string{"fig5-L1", "mlp-L4"}) {
		t.Errorf("%v, %v", Names(got), err)
	}
	got, err = Choose([]string{"d32", "gpt", Sampling, "fig5-L4"})
	if want := []string{"fig5-L4", Sampling, "gpt", "d32"}; err != nil ||
		!slices.Equal(Names(got), want) {
		t.Errorf("%v, %v, want %v", Names(got), err, want)
	}
	if _, err := Choose([]string{"fig5-L1", "fig5"}); err == nil ||
		!strings.Contains(err.Error(), `"fig5": did you mean fig5-L1 or fig5-L4?`) {
		t.Errorf("an unknown case gives %v", err)
	}
}
