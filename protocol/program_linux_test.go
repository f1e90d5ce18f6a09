package protocol

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// Who is killed takes its program along, which Linux alone can be asked for.
func TestProgramDiesWithItsParent(t *testing.T) {
	t.Parallel()
	c := exec.Command(os.Args[0], "parent")
	c.Env = append(os.Environ(), "ICAR_PROTOCOL=1")
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var program int
	if _, err := fmt.Fscan(out, &program); err != nil {
		t.Fatal(err)
	}
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for range 500 {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", program))
		if err != nil || strings.Contains(string(status), ") Z ") {
			_ = c.Wait() // it was killed
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("process %d outlives who started it", program)
}
