package text

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestGPT2(t *testing.T) {
	g := NewGPT2()
	got, err := g.Encode("Call me Ishmael.")
	if err != nil || !slices.Equal(got, []int32{14134, 502, 1148, 21720, 417, 13}) {
		t.Errorf("%v, %v", got, err)
	}
	// Cut into parts, a text has the tokens that it has whole, also where the end of a
	// part falls into white space.
	texts := []string{strings.Repeat("Some  years\n\n ago — never mind 1851\t how\n", 3000)}
	for space := range strings.SplitSeq("\t  | \u00a0 \u00a0 \u00a0 \u00a0|\n \t ", "|") {
		for short := range 12 {
			texts = append(texts, strings.Repeat("a", 1<<14-short)+space+"word and more")
		}
	}
	for k, text := range texts {
		parts, err := g.Encode(text)
		if err != nil {
			t.Fatal(err)
		}
		ids, _, err := g.codec.Encode(text)
		if err != nil || len(ids) != len(parts) {
			t.Errorf("text %d: %d tokens in parts, %d whole, %v", k, len(parts), len(ids), err)
			continue
		}
		for i, id := range ids {
			if int32(id) != parts[i] {
				t.Errorf("text %d: token %d is %d in parts and %d whole", k, i, parts[i], id)
				break
			}
		}
	}
	if _, err := g.Encode(strings.Repeat("a", 2<<20)); err == nil {
		t.Error("2 MiB without a space are taken for text")
	}
}

func TestMerges(t *testing.T) {
	file := mergesFile()
	m, err := ReadMerges(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string][]int32{
		"":     {259},
		"ab":   {259, 262},          // ab (-1) before " a" (-2)
		"aab":  {263, 262},          // ab, then " a"
		"aaa":  {263, 264},          // " a", then aa
		"b\na": {259, 261, 13, 260}, // the newline as its byte
		"é":    {259, 3 + 0xc3, 3 + 0xa9},
	} {
		got, err := m.Encode(text)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v, %v", text, got, want, err)
		}
	}
	// The queue finds what looking at all pairs again each time finds.
	for _, s := range []string{"abaababbaab ab aaab", "aaaaaaabbbbba a ba", "b a"} {
		got, _ := m.Encode(s)
		if want := m.slow(" " + s); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", s, got, want)
		}
	}
}

func (m *Merges) slow(line string) []int32 {
	var parts []string
	for _, r := range line {
		parts = append(parts, string(r))
	}
	for {
		best, at := float32(-1e9), -1
		for i := range len(parts) - 1 {
			if id, ok := m.ids[parts[i]+parts[i+1]]; ok && m.scores[id] > best {
				best, at = m.scores[id], i
			}
		}
		if at < 0 {
			break
		}
		parts = slices.Replace(parts, at, at+2, parts[at]+parts[at+1])
	}
	var ids []int32
	for _, p := range parts {
		ids = append(ids, m.ids[p])
	}
	return ids
}

func TestFields(t *testing.T) {
	got := slices.Collect(fields("The whale’s “spout”—O'Brien, 1851!\n"))
	want := []string{"the", "whale", "'s", `"`, "spout", `"`, "—", "o", "'brien", ",", "1851", "!"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	table, err := ReadGloVe(strings.NewReader(gloveFile), int64(len(gloveFile)))
	if err != nil {
		t.Fatal(err)
	}
	words, err := NewWords(table)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := words.Encode("The white whale,"); err != nil ||
		!slices.Equal(got, []int32{0, -1, 2, 1}) {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := NewWords(&Table{Rows: 1, Dim: 1, Data: []float32{1}}); err == nil {
		t.Error("words of a table without words")
	}
}

func TestReadText(t *testing.T) {
	dir := t.TempDir()
	for name, test := range map[string]struct{ content, want string }{
		"plain":     {"Call me", ""},
		"gz":        {string(zipped(t, "Call me")), ""},
		"latin1":    {"caf\xe9 noir", "not UTF-8"},
		"empty":     {"", "the text is empty"},
		"spaces":    {" \n\u00a0 ", "the text is empty"},
		"cut gz":    {string(zipped(t, "Call me")[:12]), "unexpected EOF"},
		"broken gz": {"\x1f\x8b nothing", "invalid header"},
	} {
		path := filepath.Join(dir, strings.ReplaceAll(name, " ", ""))
		if err := os.WriteFile(path, []byte(test.content), 0o600); err != nil {
			t.Fatal(err)
		}
		text, err := ReadText(path)
		if test.want == "" && text != "Call me" ||
			test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: %q, %v, want %q", name, text, err, test.want)
		}
	}
	if _, err := ReadText(dir); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a folder: %v", err)
	}
}
