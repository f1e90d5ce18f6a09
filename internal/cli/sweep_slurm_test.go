//go:build linux

package cli

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestSlurm runs a sweep on a Slurm of two nodes of its own: a job is
// requeued, a slurmd killed and started again.
func TestSlurm(t *testing.T) {
	t.Parallel() // it waits more than it computes
	for _, program := range []string{"slurmctld", "slurmd", "sbatch", "munged"} {
		if _, err := exec.LookPath(program); err != nil || os.Getuid() != 0 {
			const needs = "needs root and Slurm: apt-get install slurmctld slurmd slurm-client munge"
			if os.Getenv("CI") == "true" {
				t.Fatal(needs)
			}
			t.Skip(needs)
		}
	}
	const trials = 4
	cluster := t.TempDir()
	slurm := func(args ...string) string {
		t.Helper()
		c := exec.Command(args[0], args[1:]...)
		c.Env = append(os.Environ(), "SLURM_CONF="+filepath.Join(cluster, "slurm.conf"))
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	slurm("bash", "testdata/slurm.sh", "start", cluster)
	defer slurm("bash", "testdata/slurm.sh", "stop", cluster)
	dir := t.TempDir()
	plan := filepath.Join(dir, "plan.yaml")
	text := "base: {d: 2, embed: 60, depth: 6, length: 2, batch: 2, train: 2, test: 2, epochs: 900, checkpoint_every: 50}\ngrid: {seed: [1, 2, 3, 4]}\n"
	if err := os.WriteFile(plan, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	one, _ := database(t, "sqlite")
	sweeping(t, one, "create", "--config", plan)
	sweeping(t, one, "work")
	want := sweeping(t, one, "results")
	path, files := filepath.Join(dir, "sweep.db"), filepath.Join(dir, "files")
	env := []string{"ICAR_DATABASE=" + path, "SLURM_CONF=" + filepath.Join(cluster, "slurm.conf")}
	sweeping(t, env, "create", "--config", plan)
	job := strings.TrimSpace(sweeping(t, env, "submit", "--slurm", "--tasks", "2", "--files", files, "--database", path))
	wait := func(what string, done func() bool) {
		t.Helper()
		for start := time.Now(); !done(); time.Sleep(200 * time.Millisecond) {
			if time.Since(start) > 6*time.Minute {
				logs, _ := filepath.Glob(filepath.Join(files, "logs", "*"))
				var all bytes.Buffer
				for _, l := range logs {
					data, _ := os.ReadFile(l)
					fmt.Fprintf(&all, "%s\n%s\n", l, data)
				}
				t.Fatalf("waited for %s: %s\n%s", what, slurm("squeue"), all.String())
			}
		}
	}
	wait("a checkpoint", func() bool {
		return exists(t, filepath.Join(files, "*", "*", "1", "checkpoint.previous.safetensors"))
	})
	slurm("scontrol", "requeue", job+"_0")
	wait("the requeued task", func() bool { return strings.Contains(slurm("squeue", "-h", "-r", "-o", "%i %T"), job+"_0 PENDING") })
	slurm("scontrol", "update", "JobId="+job+"_0", "StartTime=now") // rather than in two minutes
	pid, err := os.ReadFile(filepath.Join(cluster, "n2.pid"))
	if err != nil {
		t.Fatal(err)
	}
	slurm("kill", "-9", strings.TrimSpace(string(pid)))
	time.Sleep(time.Second)
	slurm("bash", "testdata/slurm.sh", "node", "n2", cluster)
	wait("the end", func() bool { return slurm("squeue", "-h") == "" })
	if got := sweeping(t, env, "results"); got != want {
		t.Errorf("other results than those of one worker:\n%s", got)
	}
	once(t, env, trials)
	logs, err := filepath.Glob(filepath.Join(files, "logs", "*.log"))
	if err != nil || len(logs) != 2 {
		t.Fatalf("%v, %v", logs, err)
	}
	further := 0
	for _, l := range logs {
		data, err := os.ReadFile(l)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range resumed.FindAllStringSubmatch(string(data), -1) {
			if m[1] != "1" && m[2] != "0" {
				further++
			}
		}
	}
	if further == 0 {
		t.Error("no trial went on under a later epoch")
	}
	t.Logf("job %s: %d trials went on under a later epoch", job, further)
}
