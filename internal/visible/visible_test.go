package visible

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
)

var cases = map[string]struct{ in, text, written string }{
	"letters":        {"η = ½ · Größe 試 👩‍🔬", "η = ½ · Größe 試 👩‍🔬", "η = ½ · Größe 試 👩‍🔬"},
	"windows path":   {`C:\new\u`, `C:\new\u`, `C:\new\u`},
	"colour":         {"\x1b[31mred", `\u001b[31mred`, `\u001b[31mred`},
	"title and bell": {"\x1b]0;x\a", `\u001b]0;x\u0007`, `\u001b]0;x\u0007`},
	"eight-bit":      {"\u009b2J\x7f", `\u009b2J\u007f`, `\u009b2J\u007f`},
	"no UTF-8":       {"a\x9b2J\xffz", `a\x9b2J\xffz`, `a\x9b2J\xffz`},
	"over the line":  {"ok\rFAIL\b", `ok\rFAIL\u0008`, `ok\rFAIL\u0008`},
	"two lines":      {"a\nb\tc", `a\nb\tc`, "a\nb\tc"},
	"directions": {"a\u202egpj.exe\u2066\u061c", `a\u202egpj.exe\u2066\u061c`,
		`a\u202egpj.exe\u2066\u061c`},
	"separators":   {"a\u2028b\u2029", `a\u2028b\u2029`, `a\u2028b\u2029`},
	"a broken end": {"a\xe2\x80", `a\xe2\x80`, `a\xe2\x80`},
	"replacement":  {"a\ufffd", "a\ufffd", "a\ufffd"},
}

// However the bytes are cut into writes, the same comes out.
func TestEscapes(t *testing.T) {
	for name, test := range cases {
		if got := Text(test.in); got != test.text {
			t.Errorf("%s: text %q, want %q", name, got, test.text)
		}
		for size := 1; size <= len(test.in); size++ {
			var b bytes.Buffer
			w := NewWriter(&b)
			for rest := []byte(test.in); len(rest) > 0; rest = rest[min(size, len(rest)):] {
				part := rest[:min(size, len(rest))]
				if n, err := w.Write(part); n != len(part) || err != nil {
					t.Fatalf("%s: wrote %d of %d, %v", name, n, len(part), err)
				}
			}
			if err := w.Flush(); err != nil || b.String() != test.written {
				t.Errorf("%s, %d bytes a time: %q, %v, want %q", name, size, b.String(), err,
					test.written)
			}
		}
	}
}

// Whoever decodes JSON that went through the writer gets what was encoded.
func TestJSONStaysTheSame(t *testing.T) {
	want := map[string]string{}
	for _, test := range cases {
		in := strings.ToValidUTF8(test.in, "?")
		want[in] = in
	}
	var b bytes.Buffer
	w := NewWriter(&b)
	err := errors.Join(json.NewEncoder(w).Encode(want), w.Flush())
	var got map[string]string
	if err := errors.Join(err, json.Unmarshal(b.Bytes(), &got)); err != nil ||
		!reflect.DeepEqual(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if i := bytes.IndexFunc(b.Bytes(), func(r rune) bool { return !harmless(r, 2, true) }); i >= 0 {
		t.Errorf("byte %d of %q is not escaped", i, b.String())
	}
}

// What the writer behind answers is passed on.
func TestErrors(t *testing.T) {
	r, pipe := io.Pipe()
	r.Close()
	if n, err := NewWriter(pipe).Write([]byte("x")); n != 0 || !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("wrote %d, %v", n, err)
	}
}
