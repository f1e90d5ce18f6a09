package text

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tiktoken-go/tokenizer/codec"
)

// Tokenizer cuts a text into tokens.
type Tokenizer interface {
	// Encode returns the row of each token in the table of embeddings, -1 for
	// a token without one.
	Encode(text string) ([]int32, error)
	// Size is the number of rows that the table has to have, 0 for any.
	Size() int
}

var (
	_ Tokenizer = (*GPT2)(nil)
	_ Tokenizer = (*Merges)(nil)
	_ Tokenizer = (*Words)(nil)
)

// ReadText reads a text, gzipped or not: UTF-8, and more than spaces.
func ReadText(path string) (string, error) {
	var text string
	err := withFile(path, func(r io.ReaderAt, size int64) (err error) {
		text, err = DecodeText(r, size)
		return err
	})
	return text, err
}

// DecodeText is ReadText of size bytes.
func DecodeText(r io.ReaderAt, size int64) (string, error) {
	length, limit := int64(0), 3*size+8<<20
	in, err := unpacked(r, size)
	if err != nil {
		return "", err
	}
	if length, err = io.Copy(io.Discard, io.LimitReader(in, limit+1)); err != nil {
		return "", err
	} else if length > limit {
		return "", fmt.Errorf(
			"%d bytes decompress to more than %d: unpack it first if it is genuine", size, limit)
	}
	if in, err = unpacked(r, size); err != nil {
		return "", err
	}
	var b strings.Builder
	b.Grow(int(length))
	if _, err := io.Copy(&b, io.LimitReader(in, length)); err != nil {
		return "", err
	}
	text := b.String()
	if !utf8.ValidString(text) {
		at := strings.IndexFunc(text, func(r rune) bool { return r == utf8.RuneError })
		return "", fmt.Errorf("not UTF-8 at or after byte %d: convert it, as with iconv -t UTF-8",
			at)
	}
	if strings.IndexFunc(text, func(r rune) bool { return !unicode.IsSpace(r) }) < 0 {
		return "", errors.New("the text is empty")
	}
	return text, nil
}

// GPT2 is the byte-pair encoding of GPT-2 (r50k_base), 50,257 tokens.
//
// Reference: Radford et al., Language Models are Unsupervised Multitask
// Learners, 2019.
type GPT2 struct{ codec *codec.Codec }

// NewGPT2 returns the encoding.
func NewGPT2() *GPT2 { return &GPT2{codec.NewR50kBase()} }

// Size is GPT-2's number of tokens.
func (*GPT2) Size() int { return 50257 }

// maxRun is the longest stretch without a place to cut, in bytes.
const maxRun = 1 << 20

// Encode works on a part of the text at a time. A part begins with a space
// after something else, where the encoding always begins a token anew.
func (g *GPT2) Encode(text string) ([]int32, error) {
	const part = 1 << 14
	var tokens []int32
	for len(text) > 0 {
		n := min(part, len(text))
		for n < len(text) && !begins(text, n) {
			n++
		}
		if n > maxRun {
			return nil, fmt.Errorf("%d bytes without a space: this is no text", n)
		}
		ids, _, err := g.codec.Encode(text[:n])
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			tokens = append(tokens, int32(id))
		}
		text = text[n:]
	}
	return tokens, nil
}

// begins reports whether a token of GPT-2 begins at byte n whatever stands before it:
// a space or a line end there, and before it no white space of any kind, which would
// be of one token with it.
func begins(text string, n int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:n])
	return (text[n] == ' ' || text[n] == '\n') && !unicode.IsSpace(before)
}

// Words cuts a text into lower-case words and punctuation marks, and looks
// them up in a table that names its rows.
type Words struct{ table *Table }

// NewWords returns the tokenizer of a table that is Named.
func NewWords(t *Table) (*Words, error) {
	if !t.Named() {
		return nil, errors.New(
			"the embeddings do not say which words they belong to: use --tokenizer gpt2 or that " +
				"of the model")
	}
	return &Words{t}, nil
}

// Size is 0: words without a row have none.
func (*Words) Size() int { return 0 }

// Encode cuts at spaces and around punctuation. An apostrophe between letters
// begins a token, as in whale and 's. Curly quotes are read as straight ones.
func (w *Words) Encode(text string) ([]int32, error) {
	var tokens []int32
	for word := range fields(text) {
		tokens = append(tokens, int32(w.table.Lookup(word)))
	}
	return tokens, nil
}

// straight are the signs that GloVe's vocabulary has in place of others.
var straight = map[rune]rune{'’': '\'', '‘': '\'', '“': '"', '”': '"'}

// fields yields lower-case words and punctuation marks.
func fields(text string) func(func(string) bool) {
	return func(yield func(string) bool) {
		var word []rune
		flush := func() bool {
			ok := len(word) == 0 || yield(string(word))
			word = word[:0]
			return ok
		}
		for i, r := range text {
			if s, curly := straight[r]; curly {
				r = s
			}
			switch {
			case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r):
				word = append(word, unicode.ToLower(r))
				continue
			case !flush():
				return
			case unicode.IsSpace(r):
				continue
			}
			if r == '\'' && between(text, i) {
				word = append(word, r)
				continue
			}
			if !yield(string(r)) {
				return
			}
		}
		flush()
	}
}

// between reports whether the sign at byte i stands between letters.
func between(text string, i int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:i])
	_, size := utf8.DecodeRuneInString(text[i:])
	after, _ := utf8.DecodeRuneInString(text[i+size:])
	return unicode.IsLetter(before) && unicode.IsLetter(after)
}
