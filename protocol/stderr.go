package protocol

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"

	"icar/internal/visible"
)

// Bounds on what is shown of a program's standard error. It is read to its end
// however much there is, so that a program never waits for it.
const (
	mostShown = 16 << 10 // bytes in all
	mostLine  = 400      // bytes of a line
)

// echo shows what a program writes to standard error, line by line, behind its name,
// each character visible, up to a bound; the last line it remembers for an error.
type echo struct {
	mu     sync.Mutex
	to     io.Writer // nil to show nothing
	name   string
	line   []byte // that has not ended yet, at most mostLine bytes of it
	shown  int
	muted  bool
	latest string // line that is not empty
}

// Write takes all of data. An error of the writer behind is no reason to stop the
// program, which would wait for ever for somebody to read.
func (e *echo) Write(data []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	count := len(data)
	for {
		end := bytes.IndexByte(data, '\n')
		if end < 0 {
			e.add(data)
			return count, nil
		}
		e.add(data[:end])
		e.end()
		data = data[end+1:]
	}
}

func (e *echo) add(data []byte) {
	e.line = append(e.line, data[:min(len(data), mostLine-len(e.line))]...)
}

// end ends a line.
func (e *echo) end() {
	text := strings.TrimRight(string(e.line), "\r \t")
	e.line = e.line[:0]
	if strings.TrimSpace(text) == "" {
		return
	}
	e.latest = text
	if e.to == nil || e.muted {
		return
	}
	if e.shown += len(text); e.shown > mostShown {
		e.muted = true
		text = fmt.Sprintf("more than %d bytes on standard error: the rest is not shown", mostShown)
	}
	fmt.Fprintf(e.to, "%s: %s\n", visible.Text(e.name), visible.Text(text))
}

// finish ends the last line, which may have no end of its own.
func (e *echo) finish() { e.last() }

// last returns the last line that is not empty, "" if there is none: of a Python
// program that failed the exception.
func (e *echo) last() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.line) > 0 {
		e.end()
	}
	if len(e.latest) > mostLine/2 { // perhaps in the middle of a character
		return strings.ToValidUTF8(e.latest[:mostLine/2], "")
	}
	return e.latest
}
