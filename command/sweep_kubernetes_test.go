//go:build unix

package command

import (
	"slices"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	"sigs.k8s.io/yaml"

	"icar/sweep/cluster"
)

// The Job tries a worker again that has crashed or has lost its database, and
// not one that says what is wrong.
func TestKubernetesJobRetries(t *testing.T) {
	t.Parallel()
	document, err := cluster.Kubernetes{Workers: cluster.Workers{Memory: "1G"}, Final: final}.Job()
	if err != nil {
		t.Fatal(err)
	}
	var job batchv1.Job
	if err := yaml.UnmarshalStrict(document, &job); err != nil {
		t.Fatal(err)
	}
	again := func(code int) bool {
		for _, rule := range job.Spec.PodFailurePolicy.Rules {
			if on := rule.OnExitCodes; on != nil && slices.Contains(on.Values, int32(code)) {
				return rule.Action != batchv1.PodFailurePolicyActionFailIndex
			}
		}
		return true
	}
	env, path := planned(t, tinyPlan)
	other, otherPath := planned(t, tinyPlan)
	change(t, otherPath, "UPDATE sweeps SET arithmetic = 'abacus'")
	diverges := "base: {train: 512, batch: 512, test: 64, epochs: 50, length: 10, d: 2, optimiser: " +
		"sgd, norm: false, depth: 4, learning_rate: 1000000}\nattempts: 1\n"
	failing, _ := planned(t, diverges)
	for _, c := range []struct {
		what string
		env  []string
		args []string
		want int
	}{
		{"no such sweep", env, []string{"0123456789ab"}, exitInput},
		{"another arithmetic", other, nil, exitInput},
		{"no such database", []string{"ICAR_DATABASE=" + path + ".none"}, nil, exitInput},
		{"no address", []string{"ICAR_DATABASE=mysql://h/d"}, nil, exitInput},
		{"trials that fail", failing, nil, exitRunFailed},
		{"an outage", []string{"ICAR_DATABASE=postgres://u@127.0.0.1:1/d?sslmode=disable"},
			[]string{"--give-up", "10ms"}, exitAway},
		{"a crash", append(env, crashes+"=1"), nil, 2},
		{"done", env, nil, exitDone},
	} {
		code, said := ends(t, c.env, append([]string{"sweep", "work"}, c.args...)...)
		if mistake := c.want == exitInput || c.want == exitRunFailed; code != c.want ||
			c.want != exitDone && again(code) == mistake {
			t.Errorf("%s ends with exit code %d, after which it is tried again: %v; want code %d: %s",
				c.what, code, again(code), c.want, said)
		}
	}
	for _, code := range []int{134, 137, 139,
		exitInterrupted} { // of signals, such as for want of memory
		if !again(code) {
			t.Errorf("a worker that a signal ends is not tried again after exit code %d", code)
		}
	}
}
