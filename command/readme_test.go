package command

import (
	"bufio"
	"bytes"
	"cmp"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// reduced are the commands of the README that are run in another form: all the
// experiments, which are a step of .ci/run, one standard case instead of all, and
// the text, whose words are three here. All others are run as they are written.
var reduced = map[string]string{
	"reproduce": "reproduce fig3-rotation fig6",
	"bench":     "bench fig5-L1",
	"text --text book.txt --embeddings glove.6B.100d.txt": "text --text book.txt --embeddings " +
		"glove.6B.100d.txt --dims 3 --nulls 20",
}

// leaves says what a command of the README has written.
var leaves = map[string]string{
	"reproduce": "icar-out/report.html", "train": "runs/first/DONE",
	"probe": "icar-probe/first/report.html", "sample": "first.npy.json",
	"estimate": "icar-estimate/first/report.html",
}

// readmeCommands returns the lines of the README's blocks of code that are
// commands, in order.
func readmeCommands(t *testing.T) (commands []string) {
	text, err := os.ReadFile(filepath.Join("..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for i, block := range strings.Split(string(text), "\n```") {
		language, code, _ := strings.Cut(block, "\n")
		if i%2 == 1 && language == "" {
			commands = append(commands, strings.Split(code, "\n")...)
		}
	}
	return commands
}

// The README's commands work as they are written, one after the other in one
// folder, and none undoes what one before it has made.
func TestREADMECommandsWork(t *testing.T) {
	t.Parallel()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	bring(t, dir)
	ran := map[string]bool{}
	for _, line := range readmeCommands(t) {
		line, isIcar := strings.CutPrefix(line, "go run ./cmd/icar ")
		if !isIcar {
			if line != "go test ./..." { // this test is a part of it
				t.Errorf("the README has a command that no test runs: %s", line)
			}
			continue
		}
		line = cmp.Or(reduced[line], line)
		c := exec.CommandContext(t.Context(), binary, strings.Fields(line)...)
		c.Dir, c.Env = dir, append(os.Environ(), runAsCommand+"=1")
		name := strings.Fields(line)[0]
		ran[name] = true
		if name == "serve" {
			visit(t, c, "")
			continue
		}
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("icar %s: %v\n%s", line, err, out)
		}
		if path, ok := leaves[name]; ok {
			if info, err := os.Stat(filepath.Join(dir, path)); err != nil || info.Size() == 0 {
				t.Errorf("icar %s has not written %s: %v", line, path, err)
			}
		}
	}
	for _, name := range []string{"reproduce", "list", "serve", "train", "probe", "text", "bench"} {
		if !ran[name] {
			t.Errorf("the README does not show icar %s", name)
		}
	}
	page, err := os.ReadFile(filepath.Join(dir, "icar-out", "report.html"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`id="fig6"`,
		"quick scale, seed 0 with d = 6 and heads = 4 (fig3-rotation)"} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("the report lacks %s after the second reproduce", want)
		}
	}
}

// bring writes the book and the embeddings of the README, those of text.txt.
func bring(t *testing.T, dir string) {
	script, err := os.ReadFile(filepath.Join("testdata", "text.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{"text.txt": "book.txt",
		"glove.txt": "glove.6B.100d.txt"} {
		_, content, found := strings.Cut(string(script), "\n-- "+from+" --\n")
		if !found {
			t.Fatalf("testdata/text.txt holds no %s", from)
		}
		content, _, _ = strings.Cut(content, "\n-- ")
		if err := os.WriteFile(filepath.Join(dir, to), []byte(content+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// visit starts icar serve, gets what is at a path below the address that it
// prints, and stops it as Ctrl-C does.
func visit(t *testing.T, c *exec.Cmd, path string) (body string) {
	c.Args = slices.Concat(c.Args, []string{"--address",
		"127.0.0.1:0"}) // the usual port may be taken
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.Get(strings.TrimSpace(address) + path)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	all, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("%s%s answers %s (%v)", address, path, answer.Status, err)
	}
	if err := c.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Errorf("icar serve ends with %v", err)
	}
	return string(all)
}
