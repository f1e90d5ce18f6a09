//go:build linux

package command

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"icar/internal/needs"
)

// slurm is a Slurm of a test's own.
type slurm struct {
	*testing.T
	dir string
}

// startSlurm starts one and stops it with the test.
func startSlurm(t *testing.T) slurm {
	t.Helper()
	needs.Programs(t, "slurmctld slurmd slurm-client munge", "slurmctld", "slurmd", "sbatch",
		"munged")
	if os.Getuid() != 0 {
		needs.Missing(t, "Slurm's daemons are started by root only")
	}
	s := slurm{t, t.TempDir()}
	s.run("bash", "testdata/slurm.sh", "start", s.dir)
	t.Cleanup(func() { s.run("bash", "testdata/slurm.sh", "stop", s.dir) })
	return s
}

func (s slurm) conf() string { return "SLURM_CONF=" + filepath.Join(s.dir, "slurm.conf") }

func (s slurm) run(args ...string) string {
	s.Helper()
	c := exec.Command(args[0], args[1:]...)
	c.Env = append(os.Environ(), s.conf())
	out, err := c.CombinedOutput()
	if err != nil {
		s.Fatalf("%v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// wait waits until done, and shows the logs of tasks when it has waited long.
func (s slurm) wait(logs, what string, done func() bool) {
	s.Helper()
	for start := time.Now(); !done(); time.Sleep(100 * time.Millisecond) {
		if time.Since(start) > 5*time.Minute {
			s.Fatalf("waited for %s: %s\n%s", what, s.run("squeue"), s.read(logs))
		}
	}
}

// read returns the text of all files that match.
func (s slurm) read(pattern string) string {
	found, err := filepath.Glob(pattern)
	if err != nil {
		s.Fatal(err)
	}
	var all bytes.Buffer
	for _, path := range found {
		data, err := os.ReadFile(path)
		if err != nil {
			s.Fatal(err)
		}
		fmt.Fprintf(&all, "%s\n%s\n", path, data)
	}
	return all.String()
}

// further counts the trials that a log says went on from a checkpoint of an
// earlier epoch.
func further(log string) (n int) {
	for _, m := range resumed.FindAllStringSubmatch(log, -1) {
		if m[1] != "1" && m[2] != "0" {
			n++
		}
	}
	return n
}

// TestSlurm runs a sweep on two nodes: a task is requeued, and the other's node
// is lost, with its slurmd, which Slurm is told. Both tasks start
// again and go on from the checkpoints. Beside it a task comes to its time
// limit on a node of its own: it saves, gives its trial back and ends.
func TestSlurm(t *testing.T) {
	t.Parallel()
	s := startSlurm(t)
	dir := t.TempDir()
	env := func(name string) []string {
		return []string{"ICAR_DATABASE=" + filepath.Join(dir, name+".db"), s.conf()}
	}
	create := func(name, seeds string, epochs int) {
		plan := filepath.Join(dir, name+".yaml")
		text := fmt.Sprintf("base: {d: 2, embed: 60, depth: 6, length: 2, batch: 2, train: 2, "+
			"test: 2, epochs: %d, checkpoint_every: 50}\ngrid: {seed: [%s]}\n", epochs, seeds)
		if err := os.WriteFile(plan, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		sweeping(t, env(name), "create", "--config", plan)
	}
	files := func(name string) string { return filepath.Join(dir, name+" files") }
	submit := func(name string, more ...string) (job string) {
		args := []string{"submit", "--slurm", "--files", files(name), "--logs",
			filepath.Join(dir, name+"-logs"), "--database", filepath.Join(dir, name+".db"),
			"--lease", "10s", "--heartbeat", "500ms"}
		return strings.TrimSpace(sweeping(t, env(name), append(args, more...)...))
	}
	logs := func(name string) string { return filepath.Join(dir, name+"-logs", "*") }
	// So many that both are in the midst when Slurm's commands, which take a while where others
	// are at work, have been told of it.
	const epochs = 2000
	create("alone", "1, 2", epochs)
	create("both", "1, 2", epochs)
	// A time limit is a minute at least: under CI, and where time does not matter.
	long, limited := os.Getenv("CI") == "true" || os.Getenv("ICAR_SLOW") == "1", ""
	if long {
		create("limit", "3", 1_000_000)
		limited = submit("limit", "--time", "1", "--option", "partition=limit", "--option",
			"signal=TERM@50")
	}
	job := submit("both", "--tasks", "2")
	s.wait(logs("both"), "two checkpoints", func() bool {
		found, err := filepath.Glob(filepath.Join(files("both"), "*", "*", "*", "1",
			"checkpoint.previous.safetensors"))
		return err == nil && len(found) == 2
	})
	on := func(node string) string {
		return s.run("squeue", "-h", "-r", "-w", node, "-j", job, "-o", "%i")
	}
	kept, lost := on("n1"), on("n2")
	s.run("bash", "testdata/slurm.sh", "lose", "n2", s.dir)
	s.run("scontrol", "requeue", kept)
	again := func(task string) { // at once rather than in two minutes
		s.wait(logs("both"), "the requeued task "+task,
			func() bool {
				return strings.Contains(s.run("squeue", "-h", "-r", "-o", "%i %T"),
					task+" PENDING")
			})
		s.run("scontrol", "update", "JobId="+task, "StartTime=now")
	}
	again(kept)
	sweeping(t, env("alone"), "work")
	want := sweeping(t, env("alone"), "results")
	s.wait(logs("both"), "the loss of the node",
		func() bool {
			return strings.HasPrefix(s.run("sinfo", "-h", "-n", "n2", "-N", "-o", "%T"), "down")
		})
	if state := s.run("squeue", "-h", "-r", "-j", job, "-o", "%i %T"); strings.Contains(state,
		lost) {
		again(lost)
	}
	s.run("bash", "testdata/slurm.sh", "node", "n2", s.dir)
	s.wait(logs("both"), "the end", func() bool {
		return s.run("squeue", "-h", "-r", "-p", "p") == ""
	})
	if got := sweeping(t, env("both"), "results"); got != want {
		t.Errorf("other results than those of one worker:\n%s", got)
	}
	once(t, env("both"), 2)
	// Both first runs ended at epoch 1, so whatever went on was a requeued task.
	if n := further(s.read(logs("both"))); n < 2 {
		t.Errorf("%d trials went on under a later epoch, want both:\n%s", n, s.read(logs("both")))
	}
	t.Logf("task %s requeued, task %s lost with its node: both trials went on under a later epoch",
		kept, lost)

	if !long {
		return
	}
	s.wait(logs("limit"), "the time limit", func() bool {
		return s.run("squeue", "-h", "-r", "-j", limited) == ""
	})
	if n := ask(t, env("limit"),
		"SELECT count(*) FROM trials WHERE state = 'pending' AND epoch = 1"); n != 1 {
		t.Errorf("the task at its time limit did not give its trial back:\n%s",
			s.read(logs("limit")))
	}
	submit("limit", "--option", "partition=limit")
	s.wait(logs("limit"), "the second submission to go on",
		func() bool { return further(s.read(logs("limit"))) > 0 })
	sweeping(t, env("limit"), "cancel")
}
