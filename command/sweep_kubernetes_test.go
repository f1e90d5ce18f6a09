//go:build unix

package command

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"icar/sweep"
)

// The printed Job is one of batch/v1, every field of it, and holds neither the
// address of the database nor a word of a shell.
func TestKubernetesJob(t *testing.T) {
	a, err := sweep.ParseAddress("postgres://user:c4n4ry@db.example/sweeps")
	if err != nil {
		t.Fatal(err)
	}
	for _, claim := range []string{"", "sweep"} {
		o := submitFlags{tasks: 7, cpus: 2, memory: "512M", times: workTimes{time.Minute, 15 * time.Second, 30 * time.Second}, kubernetes: kubernetesFlags{print: true, image: "registry/icar:1", secret: "db", claim: claim}}
		var out bytes.Buffer
		if err := printJob(&out, a, o, "0123456789ab"); err != nil {
			t.Fatal(err)
		}
		var job batchv1.Job
		if err := yaml.UnmarshalStrict(out.Bytes(), &job); err != nil {
			t.Fatalf("%v in\n%s", err, out.String())
		}
		for _, secret := range []string{"c4n4ry", "db.example", "user"} {
			if strings.Contains(out.String(), secret) {
				t.Errorf("%q is in the Job", secret)
			}
		}
		spec, pod := job.Spec, job.Spec.Template.Spec
		if job.Kind != "Job" || job.Name != "icar-0123456789ab" || *spec.CompletionMode != batchv1.IndexedCompletion || *spec.Completions != 7 || *spec.Parallelism != 7 {
			t.Errorf("%+v", job)
		}
		// The API server asks for both where there is a policy for failures.
		if pod.RestartPolicy != corev1.RestartPolicyNever || spec.BackoffLimitPerIndex == nil || len(spec.PodFailurePolicy.Rules) != 2 {
			t.Errorf("%+v", spec)
		}
		if on := spec.PodFailurePolicy.Rules[0].OnPodConditions; len(on) != 1 || on[0].Type != corev1.DisruptionTarget || on[0].Status != corev1.ConditionTrue {
			t.Errorf("%+v", on)
		}
		c := pod.Containers[0]
		if got := strings.Join(c.Command, " "); got != "icar sweep work 0123456789ab --files /files --parallel 2 --lease 1m0s --heartbeat 15s --checkpoint 30s" || len(c.Args) != 0 {
			t.Errorf("the command is %q", got)
		}
		if from := c.Env[0].ValueFrom.SecretKeyRef; c.Env[0].Name != databaseVariable || from.Name != "db" || from.Key != secretKey {
			t.Errorf("the address comes from %+v", c.Env[0])
		}
		if memory := c.Resources.Limits.Memory().Value(); memory != 512<<20 || c.Resources.Requests.Cpu().Value() != 2 {
			t.Errorf("%+v", c.Resources)
		}
		volume := pod.Volumes[0]
		if c.VolumeMounts[0].Name != volume.Name || (volume.PersistentVolumeClaim == nil) != (claim == "") || (volume.EmptyDir == nil) != (claim != "") {
			t.Errorf("claim %q: %+v", claim, volume)
		}
	}
}

// The name of a sweep that looks like a number is a text in the Job.
func TestKubernetesJobQuotes(t *testing.T) {
	a, err := sweep.ParseAddress("postgres://user@db.example/sweeps")
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"123456789012", "012345670123", "1e3456789012", "0b1011010110", "000000000000"} {
		o := submitFlags{tasks: 1, cpus: 1, memory: "1G", kubernetes: kubernetesFlags{print: true, image: "123", secret: "1e3", claim: "12"}}
		var out bytes.Buffer
		if err := printJob(&out, a, o, id); err != nil {
			t.Fatal(err)
		}
		var job batchv1.Job
		if err := yaml.UnmarshalStrict(out.Bytes(), &job); err != nil {
			t.Errorf("%s: %v in\n%s", id, err, out.String())
			continue
		}
		c := job.Spec.Template.Spec.Containers[0]
		if job.Labels["icar/sweep"] != id || c.Command[3] != id || c.Image != "123" || c.Env[0].ValueFrom.SecretKeyRef.Name != "1e3" {
			t.Errorf("%s: %+v", id, job)
		}
	}
}

// The Job tries a worker again that has crashed or has lost its database, and
// not one that says what is wrong.
func TestKubernetesJobRetries(t *testing.T) {
	t.Parallel()
	a, err := sweep.ParseAddress("postgres://user@db.example/sweeps")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := printJob(&out, a, submitFlags{tasks: 1, cpus: 1, memory: "1G"}, "0123456789ab"); err != nil {
		t.Fatal(err)
	}
	var job batchv1.Job
	if err := yaml.UnmarshalStrict(out.Bytes(), &job); err != nil {
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
	diverges := "base: {train: 512, batch: 512, test: 64, epochs: 50, length: 10, d: 2, optimiser: sgd, norm: false, depth: 4, learning_rate: 1000000}\nattempts: 1\n"
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
		{"an outage", []string{"ICAR_DATABASE=postgres://u@127.0.0.1:1/d?sslmode=disable"}, []string{"--give-up", "10ms"}, exitAway},
		{"a crash", append(env, crashes+"=1"), nil, 2},
		{"done", env, nil, exitDone},
	} {
		code, said := ends(t, c.env, append([]string{"sweep", "work"}, c.args...)...)
		if mistake := c.want == exitInput || c.want == exitRunFailed; code != c.want || c.want != exitDone && again(code) == mistake {
			t.Errorf("%s ends with exit code %d, after which it is tried again: %v; want code %d: %s", c.what, code, again(code), c.want, said)
		}
	}
	for _, code := range []int{134, 137, 139, exitInterrupted} { // of signals, such as for want of memory
		if !again(code) {
			t.Errorf("a worker that a signal ends is not tried again after exit code %d", code)
		}
	}
}
