package cluster

import (
	"errors"
	"slices"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// The Job is one of batch/v1, every field of it, and holds no word of a shell.
func TestKubernetesJob(t *testing.T) {
	for _, claim := range []string{"", "sweep"} {
		k := Kubernetes{Workers: Workers{Sweep: "0123456789ab", Tasks: 7, CPUs: 2, Memory: "512M",
			Flags: []string{"--lease", "1m"}},
			Image: "registry/icar:1", Secret: "db", Variable: "ADDRESS", Claim: claim,
			Final: []int{3}}
		document, err := k.Job()
		if err := errors.Join(err, k.Check()); err != nil {
			t.Fatal(err)
		}
		var job batchv1.Job
		if err := yaml.UnmarshalStrict(document, &job); err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		// The API server tells large letters from small ones, which reading does not.
		var written, known any
		back, err := yaml.Marshal(job)
		err = errors.Join(err, yaml.Unmarshal(document, &written), yaml.Unmarshal(back, &known))
		if err != nil || !within(written, known) {
			t.Errorf("%v: the keys of\n%s\nare not all in\n%s", err, document, back)
		}
		spec, pod := job.Spec, job.Spec.Template.Spec
		if job.Kind != "Job" || job.Name != "icar-0123456789ab" ||
			*spec.CompletionMode != batchv1.IndexedCompletion || *spec.Completions != 7 ||
			*spec.Parallelism != 7 {
			t.Errorf("%+v", job)
		}
		// The API server asks for both where there is a policy for failures.
		if pod.RestartPolicy != corev1.RestartPolicyNever || spec.BackoffLimitPerIndex == nil ||
			len(spec.PodFailurePolicy.Rules) != 2 {
			t.Errorf("%+v", spec)
		}
		if on := spec.PodFailurePolicy.Rules[0].OnPodConditions; len(on) != 1 ||
			on[0].Type != corev1.DisruptionTarget || on[0].Status != corev1.ConditionTrue {
			t.Errorf("%+v", on)
		}
		codes := spec.PodFailurePolicy.Rules[1].OnExitCodes
		if !slices.Equal(codes.Values, []int32{3}) {
			t.Errorf("%+v", codes)
		}
		c := pod.Containers[0]
		got := strings.Join(c.Command, " ")
		const want = "icar sweep work 0123456789ab --files /files --parallel 2 --lease 1m"
		if got != want || len(c.Args) != 0 {
			t.Errorf("the command is %q", got)
		}
		if from := c.Env[0].ValueFrom.SecretKeyRef; c.Env[0].Name != "ADDRESS" ||
			from.Name != "db" || from.Key != SecretKey {
			t.Errorf("the address comes from %+v", c.Env[0])
		}
		if memory := c.Resources.Limits.Memory().Value(); memory != 512<<20 ||
			c.Resources.Requests.Cpu().Value() != 2 {
			t.Errorf("%+v", c.Resources)
		}
		volume := pod.Volumes[0]
		if c.VolumeMounts[0].Name != volume.Name ||
			(volume.PersistentVolumeClaim == nil) != (claim == "") ||
			(volume.EmptyDir == nil) != (claim != "") {
			t.Errorf("claim %q: %+v", claim, volume)
		}
	}
}

// within reports whether every key of a document is one of another.
func within(document, other any) bool {
	switch d := document.(type) {
	case map[string]any:
		o, ok := other.(map[string]any)
		for key, value := range d {
			in, has := o[key]
			ok = ok && has && within(value, in)
		}
		return ok
	case []any:
		o, ok := other.([]any)
		if ok = ok && len(d) == len(o); ok {
			for i, value := range d {
				ok = ok && within(value, o[i])
			}
		}
		return ok
	}
	return true
}

// The name of a sweep that looks like a number is a text in the Job.
func TestKubernetesJobQuotes(t *testing.T) {
	for _, id := range []string{"123456789012", "012345670123", "1e3456789012", "0b1011010110",
		"000000000000"} {
		k := Kubernetes{Workers: Workers{Sweep: id, Tasks: 1, CPUs: 1, Memory: "1G"}, Image: "123",
			Secret: "1e3", Claim: "12"}
		document, err := k.Job()
		if err != nil {
			t.Fatal(err)
		}
		var job batchv1.Job
		if err := yaml.UnmarshalStrict(document, &job); err != nil {
			t.Errorf("%s: %v in\n%s", id, err, document)
			continue
		}
		c := job.Spec.Template.Spec.Containers[0]
		if job.Labels["icar/sweep"] != id || c.Command[3] != id || c.Image != "123" ||
			c.Env[0].ValueFrom.SecretKeyRef.Name != "1e3" {
			t.Errorf("%s: %+v", id, job)
		}
	}
}
