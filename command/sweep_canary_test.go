//go:build unix

package command

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"icar/internal/pgtest"
)

// The password of a Postgres is in nothing that icar sweep prints, logs or
// writes, when all goes well and when the server refuses or is gone.
func TestPasswordIsNowhere(t *testing.T) {
	t.Parallel()
	env, server := database(t, "postgres")
	dir := t.TempDir()
	address := strings.TrimPrefix(env[0], "ICAR_DATABASE=")
	if !strings.Contains(address, pgtest.Password) {
		t.Fatal("the address holds no password to look for")
	}
	secret, plan, files := filepath.Join(t.TempDir(), "address"), filepath.Join(dir,
		"plan.yaml"), filepath.Join(dir, "files")
	wrong := filepath.Join(t.TempDir(), "wrong")
	for path, text := range map[string]string{
		secret: address, wrong: strings.Replace(address, "dbname=", "dbname=no_such_", 1),
		plan: "base: {d: 2, length: 4, train: 64, batch: 32, test: 32, epochs: 2}\ngrid: " +
			"{learning_rate: [0.01, 1000000]}\nattempts: 1\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var all bytes.Buffer
	run := func(args ...string) {
		c := child(t.Context(), &all, args...)
		c.Stdout, c.Dir = &all, dir
		if err := c.Run(); err != nil && c.ProcessState.ExitCode() < 1 {
			t.Fatal(args, err)
		}
	}
	says := func(args ...string) { run(append([]string{"sweep"}, args...)...) }
	here := []string{"--database-file", secret}
	says(append([]string{"create", "--config", plan}, here...)...)
	says(append([]string{"work", "--files", files, "--metrics", ":0", "--backoff", "10ms"},
		here...)...)
	for _, args := range [][]string{{"status"}, {"status", "--json"}, {"results"},
		{"results", "--format", "jsonl"}, {"retry"}, {"cancel"},
		{"submit", "--slurm", "--dry-run", "--files", files},
		{"submit", "--kubernetes", "--image", "registry/icar:1"}} {
		says(append(args, here...)...)
	}
	run("reproduce", "fig6", "--sweep", "--database-file", secret, "--out",
		filepath.Join(dir, "out"))
	run("reproduce", "fig6", "--sweep", "--database-file", wrong, "--out",
		filepath.Join(dir, "out"))
	run("reproduce", "fig6", "--sweep", "--database", address, "--out", filepath.Join(dir, "out"))
	says("status", "--database", address)
	says("status", "--database-file", wrong)
	if err := server.Down(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	says(append([]string{"status"}, here...)...)
	if err := server.Up(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"msg=claimed", "of 2 done", `kind: "Job"`, "#SBATCH", "no_such_",
		"cannot be used", "ICAR_DATABASE, or into a file", "claims hold"} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("%q was never said: %s", want, all.String())
		}
	}
	canaries := spellings(pgtest.Password)
	for _, canary := range canaries {
		if strings.Contains(all.String(), canary) {
			t.Errorf("the password is printed as %q: %s", canary, all.String())
		}
	}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		for _, canary := range canaries {
			if bytes.Contains(data, []byte(canary)) {
				t.Errorf("the password is in %s as %q", path, canary)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// spellings are the forms in which a password may be written: plain, escaped in
// a URL or in a quoted string, HTML and JSON, or encoded.
func spellings(password string) []string {
	quoted, _ := json.Marshal(password) // a string never fails
	all := []string{password, url.QueryEscape(password), url.PathEscape(password),
		url.UserPassword("", password).String()[1:],
		strings.Trim(string(quoted), `"`), html.EscapeString(password),
		strings.Trim(strconv.Quote(password), `"`), hex.EncodeToString([]byte(password))}
	for shift := range 3 { // base64 of a longer text holds one of these
		whole := base64.StdEncoding.EncodeToString(append(make([]byte, shift), password...))
		all = append(all, whole[(shift*8+5)/6:len(whole)-4])
	}
	return all
}
