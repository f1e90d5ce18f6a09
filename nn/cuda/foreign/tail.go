package foreign

import (
	"bytes"
	"strings"
	"sync"
)

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// kept is how many bytes.
const kept = 4 << 10

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p[max(0, len(p)-kept):]...)
	t.text = bytes.Clone(t.text[max(0, len(t.text)-kept):])
	return len(p), nil
}

// last returns the last line that is not empty, of 200 bytes at most.
func (t *tail) last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := strings.TrimSpace(strings.ToValidUTF8(string(t.text), "�"))
	line := text[strings.LastIndex(text, "\n")+1:]
	return strings.ToValidUTF8(line[:min(len(line), 200)], "")
}
