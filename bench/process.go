package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Program runs a command to its end and returns what it prints. When ctx is
// done the command is interrupted and, two seconds later, killed; the error is
// then the context's cause.
func Program(ctx context.Context, words []string) (stdout []byte, err error) {
	c := exec.CommandContext(ctx, words[0], words[1:]...)
	var out, complaints bytes.Buffer
	c.Stdout, c.Stderr = &out, &complaints
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.WaitDelay = 2 * time.Second
	err = c.Run()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", strings.Join(words, " "), err)
		if said := strings.TrimSpace(complaints.String()); said != "" {
			err = fmt.Errorf("%w: %s", err, said[strings.LastIndex(said, "\n")+1:])
		}
		return nil, err
	}
	return out.Bytes(), nil
}

// ErrNoResult is the error of a program that prints no result.
var ErrNoResult = errors.New(`it printed no line {"case": …, "seconds_per_step": …, "peak_mib": …} of that case, as nn/testdata/oracle.py does`)

// Other is what another program measured of a case.
type Other struct {
	Case    string   `json:"case"`
	Seconds float64  `json:"seconds_per_step"` // its least
	PeakMiB *float64 `json:"peak_mib"`
	Program string   `json:"program"` // what it says that it is, "" if nothing
}

// Against runs another program on a case. In its words {case} and {steps}
// stand for those; without {case} the name is added as the last word. It has to
// print the line that nn/testdata/oracle.py prints; the error is ErrNoResult
// if it does not, else that of [Program].
func Against(ctx context.Context, words []string, name string, steps int) (Other, error) {
	named := false
	filled := make([]string, len(words))
	for i, w := range words {
		named = named || strings.Contains(w, "{case}")
		filled[i] = strings.NewReplacer("{case}", name, "{steps}", fmt.Sprint(steps)).Replace(w)
	}
	if !named {
		filled = append(filled, name)
	}
	out, err := Program(ctx, filled)
	if err != nil {
		return Other{}, err
	}
	for line := range bytes.Lines(out) {
		var o Other
		if json.Unmarshal(line, &o) == nil && o.Case == name && o.Seconds > 0 {
			return o, nil
		}
	}
	return Other{}, fmt.Errorf("%s: %w", strings.Join(filled, " "), ErrNoResult)
}
