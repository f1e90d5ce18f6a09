package command

import (
	"bytes"
	"strings"
	"testing"

	"icar/ar"
	"icar/experiment"
	"icar/nn"
)

// called returns an experiment that has no more than a name and a source.
func called(name, source string) experiment.Experiment {
	return experiment.Experiment{Name: name, Source: source}
}

// What is added is listed, in the order of the options.
func TestExperimentsAreAdded(t *testing.T) {
	var stdout, stderr bytes.Buffer
	code := Main([]string{"list"}, &stdout, &stderr, WithExperiments(called("b", "Fig. 1")),
		WithExperiments(called("a", "ours"), called("c-2", "ours")))
	var names []string
	for line := range strings.Lines(stdout.String()) {
		names = append(names, strings.Fields(line)[0])
	}
	if got := strings.Join(names, " "); code != exitDone || got != "EXPERIMENT b a c-2" {
		t.Errorf("exit code %d, listed %q, stderr %q", code, got, stderr.String())
	}
}

// Of two laws, encodings or mixers of one name the second ends every command with a line.
func TestNamesOfACatalogueCollide(t *testing.T) {
	law := func() ar.Law { return ar.New(ar.Haar, 3) }
	tokens := func() ar.Encoding { return &ar.Order{P: 2} }
	for want, options := range map[string][]Option{
		`law "mine": there is one of this name`:      {WithLaw("mine", law), WithLaw("mine", law)},
		`law "process": this is the name of the pap`: {WithLaw("process", law)},
		`mixer "multihead": package nn has one`:      {WithMixer(nn.MultiHead{})},
		`tokens "plain": there is one of this name`:  {WithEncoding("plain", tokens)},
	} {
		var stdout, stderr bytes.Buffer
		code := Main([]string{"version"}, &stdout, &stderr, options...)
		if said := stderr.String(); code != exitUsage || !strings.Contains(said, want) ||
			strings.Count(said, "\n") != 1 {
			t.Errorf("exit code %d, stderr %q, want %q", code, said, want)
		}
	}
}

// An experiment that cannot be told from another, or that has a name that no
// folder of an experiment has, ends every command with one line that says so.
func TestExperimentsThatCannotBeAdded(t *testing.T) {
	for _, test := range []struct {
		want  string
		added []experiment.Experiment
		args  []string
	}{
		{`two experiments are called a: one is of "Fig. 1", the other of "ours"`,
			[]experiment.Experiment{called("a", "Fig. 1"), called("b", "ours"),
				called("a", "ours")}, []string{"version"}},
		{`cannot be called ""`, []experiment.Experiment{called("", "ours")}, []string{"list"}},
		{`cannot be called "../a"`, []experiment.Experiment{called("../a", "ours")},
			[]string{"list"}},
		{`cannot be called "trials"`, []experiment.Experiment{called("trials", "ours")},
			[]string{"list"}},
		{"this program has no experiments", nil, []string{"reproduce"}},
		{"this program has no experiments", nil, []string{"reproduce", "fig6"}},
	} {
		var stdout, stderr bytes.Buffer
		code := Main(test.args, &stdout, &stderr, WithExperiments(test.added...))
		if said := stderr.String(); code != exitUsage || !strings.Contains(said, test.want) ||
			strings.Count(said, "\n") != 1 {
			t.Errorf("%v: exit code %d, stderr %q, want %q", test.args, code, said, test.want)
		}
	}
}
