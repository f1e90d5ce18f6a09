package cli

import (
	"bytes"
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
