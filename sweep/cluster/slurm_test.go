package cluster

import (
	"strings"
	"testing"
)

// Nothing that is asked for is more than a word of the script.
func TestScriptIsLinesOfWords(t *testing.T) {
	s := Slurm{
		Workers: Workers{Sweep: "0123456789ab", Tasks: 2, CPUs: 1, Memory: "1G"},
		Program: "/bin/icar", Database: [2]string{"--database-file", "/my files/it's"},
		Files: "/files/$(id)", Logs: "/logs", Time: "1:00:00", Options: []string{"partition=long"},
	}
	script, err := s.Script()
	const want = "exec srun --ntasks=1 /bin/icar sweep work 0123456789ab --database-file " +
		`'/my files/it'\''s' --files '/files/$(id)' --parallel 1`
	if err != nil || s.Check() != nil || !strings.Contains(string(script), want) ||
		!strings.Contains(string(script), "\n#SBATCH --array=0-1\n") {
		t.Errorf("%v, %v:\n%s", err, s.Check(), script)
	}
	for part, spoil := range map[string]func(*Slurm){
		"sweep":   func(s *Slurm) { s.Sweep = "0\nid" },
		"files":   func(s *Slurm) { s.Files = "a\nid" },
		"logs":    func(s *Slurm) { s.Logs = "a b" },
		"program": func(s *Slurm) { s.Program = "\x1b[2J" },
	} {
		bad := s
		spoil(&bad)
		if script, err := bad.Script(); err == nil {
			t.Errorf("%s: it is written all the same:\n%s", part, script)
		}
	}
	for part, spoil := range map[string]func(*Slurm){
		"time":   func(s *Slurm) { s.Time = "1;id" },
		"option": func(s *Slurm) { s.Options = []string{"a b"} },
		"memory": func(s *Slurm) { s.Memory = "`id`" },
		"tasks":  func(s *Slurm) { s.Tasks = 0 },
	} {
		bad := s
		spoil(&bad)
		if bad.Check() == nil {
			t.Errorf("%s: %+v passes", part, bad)
		}
	}
}
