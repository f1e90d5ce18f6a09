// Package visible shows text that others wrote on a terminal or a page: names of
// files and runs, words of a database, statements of a result. Such text may
// hold what commands a terminal (an escape sequence can clear the screen, set
// the title or answer in the user's stead) or turns the direction in which the
// text around it is read. Here it comes out as the letters of an escape, \u001b,
// as in Go and JSON, and commands nothing.
package visible

import (
	"io"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Text returns s, a name or a sentence, on one line: control characters, line
// ends among them, marks of direction and bytes that are no UTF-8 are escaped.
func Text(s string) string {
	if clean([]byte(s), false) {
		return s
	}
	return string(escape(nil, []byte(s), false))
}

// Writer escapes what is written through it as Text does, but for the ends of
// lines and the tabs between columns. A JSON document stays the same document:
// what is escaped can only be inside its strings, where it may stand so. It can
// be used by many goroutines.
type Writer struct {
	mu   sync.Mutex
	to   io.Writer
	rest []byte // the beginning of a character whose end is still to come
}

// NewWriter returns a Writer to another one. Flush has to follow the last Write.
func NewWriter(to io.Writer) *Writer { return &Writer{to: to} }

// Unwrap returns the writer behind w.
func (w *Writer) Unwrap() io.Writer { return w.to }

// Write writes all of data, as far as its characters are complete. The count
// is of data's bytes, 0 if the writer behind fails.
func (w *Writer) Write(data []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := data
	if len(w.rest) > 0 {
		all = append(w.rest, data...)
		w.rest = nil
	}
	end := len(all) - unfinished(all)
	if err := w.write(all[:end]); err != nil {
		return 0, err
	}
	w.rest = append(w.rest, all[end:]...)
	return len(data), nil
}

// Flush writes the bytes of a character that was never completed.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	rest := w.rest
	w.rest = nil
	return w.write(rest)
}

func (w *Writer) write(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	if !clean(data, true) {
		data = escape(nil, data, true)
	}
	_, err := w.to.Write(data)
	return err
}

// unfinished returns how many bytes at the end begin a character that may go
// on with what comes next.
func unfinished(data []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(data); n++ {
		if b := data[len(data)-n]; utf8.RuneStart(b) {
			if utf8.FullRune(data[len(data)-n:]) {
				return 0
			}
			return n
		}
	}
	return 0
}

// clean reports whether nothing of data has to be escaped.
func clean(data []byte, lines bool) bool {
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		if !harmless(r, size, lines) {
			return false
		}
		data = data[size:]
	}
	return true
}

// harmless reports whether a character of so many bytes may be shown as it is;
// with lines, so may those that end lines and part columns.
func harmless(r rune, size int, lines bool) bool {
	switch {
	case r >= ' ' && r < 0x7f:
		return true
	case r == '\n' || r == '\t':
		return lines
	case r == utf8.RuneError && size == 1:
		return false // no UTF-8: a terminal may take the byte 0x9b for an escape
	}
	return !unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
}

// escape appends data to to. All characters that it escapes have four
// hexadecimal digits at most.
func escape(to, data []byte, lines bool) []byte {
	const hex = "0123456789abcdef"
	short := map[rune]byte{'\n': 'n', '\r': 'r', '\t': 't'}
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		letter, known := short[r]
		switch {
		case harmless(r, size, lines):
			to = append(to, data[:size]...)
		case known:
			to = append(to, '\\', letter)
		case r == utf8.RuneError: // a byte
			to = append(to, '\\', 'x', hex[data[0]>>4], hex[data[0]&15])
		default:
			to = append(to, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
		}
		data = data[size:]
	}
	return to
}
