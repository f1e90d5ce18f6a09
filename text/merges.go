package text

import (
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"
)

// Merges is the tokenizer of llama2.c: characters, of which neighbours are
// merged, the pair of the highest score first, the leftmost of equal ones.
// Characters that it lacks become their bytes.
//
// Reference: https://github.com/karpathy/llama2.c; Kudo & Richardson, EMNLP
// 2018, doi:10.18653/v1/D18-2012.
type Merges struct {
	ids      map[string]int32
	scores   []float32
	newlines bool // whether a newline can be merged with its neighbours
}

// maxPieces is the largest vocabulary that is read: Gemma's is 2¹⁸.
const maxPieces = 1 << 18

// firstByte is the token of byte 0: <unk>, <s> and </s> come before it.
const firstByte = 3

// ReadMergesFile reads the tokenizer at path, see ReadMerges.
func ReadMergesFile(path string) (*Merges, error) {
	var m *Merges
	err := withFile(path, func(r io.ReaderAt, size int64) (err error) {
		m, err = ReadMerges(r, size)
		return err
	})
	return m, err
}

// ReadMerges reads llama2.c's tokenizer.bin: the longest token's length as
// int32, then for each token its score as float32, its length as int32 and its
// bytes. All 256 bytes have to have tokens.
func ReadMerges(r io.ReaderAt, size int64) (*Merges, error) {
	if size < 4 || size > 1<<28 {
		return nil, fmt.Errorf("%d bytes are no llama2.c tokenizer", size)
	}
	file := make([]byte, size)
	if _, err := io.ReadFull(io.NewSectionReader(r, 0, size), file); err != nil {
		return nil, err
	}
	longest, rest := int32(binary.LittleEndian.Uint32(file)), string(file[4:])
	if longest < 1 {
		return nil, fmt.Errorf(
			"the longest token is of %d bytes: this may be no llama2.c tokenizer", longest)
	}
	m := &Merges{ids: map[string]int32{}}
	for len(rest) > 0 {
		id := len(m.scores)
		if len(rest) < 8 {
			return nil, fmt.Errorf("token %d is cut short", id)
		}
		score := math.Float32frombits(binary.LittleEndian.Uint32([]byte(rest[:4])))
		length := int32(binary.LittleEndian.Uint32([]byte(rest[4:8])))
		switch {
		case !finite(score):
			return nil, fmt.Errorf("the score of token %d is %v", id, score)
		case length < 0 || length > longest || int(length) > len(rest)-8:
			return nil, fmt.Errorf("token %d claims %d bytes: the longest has %d, and %d are left",
				id, length, longest, len(rest)-8)
		case id == maxPieces:
			return nil, fmt.Errorf("more than %d tokens", maxPieces)
		}
		piece := rest[8 : 8+length]
		rest = rest[8+length:]
		m.scores = append(m.scores, score)
		if _, twice := m.ids[piece]; !twice {
			m.ids[piece] = int32(id)
		}
		m.newlines = m.newlines || len(piece) > 1 && id >= firstByte &&
			strings.Contains(piece, "\n")
	}
	if len(m.scores) < firstByte+256 {
		return nil, fmt.Errorf("%d tokens: 3 special ones and 256 bytes are the least",
			len(m.scores))
	}
	return m, nil
}

// Size is the number of tokens.
func (m *Merges) Size() int { return len(m.scores) }

// Encode puts a space before the text, as llama2.c does, and no token for its
// beginning.
func (m *Merges) Encode(text string) ([]int32, error) {
	text = " " + text
	var tokens []int32
	for len(text) > 0 {
		line := text
		if i := strings.IndexByte(text, '\n'); i > 0 && !m.newlines {
			line = text[:i]
		} else if i == 0 && !m.newlines {
			line = text[:1]
		}
		if len(line) > maxRun {
			return nil, errors.New("a line of more than 1 MiB: this is no text")
		}
		tokens = m.merge(tokens, line)
		text = text[len(line):]
	}
	return tokens, nil
}

// piece is a token of a line, in a list; size 0 for one that was merged away.
type piece struct {
	begin, size int32
	left, right int32
	id          int32
	raw         bool // a byte of a character without a token: never merged
}

// merge appends the tokens of a line.
func (m *Merges) merge(tokens []int32, line string) []int32 {
	pieces := m.characters(line)
	var queue mergeQueue
	offer := func(i int32) {
		if i < 0 || pieces[i].right >= int32(len(pieces)) {
			return
		}
		a, b := pieces[i], pieces[pieces[i].right]
		if id, ok := m.ids[line[a.begin:b.begin+b.size]]; ok && a.size > 0 && b.size > 0 &&
			!a.raw && !b.raw {
			heap.Push(&queue, candidate{m.scores[id], i, a.size + b.size, id})
		}
	}
	for i := range pieces {
		offer(int32(i))
	}
	for len(queue) > 0 {
		c := heap.Pop(&queue).(candidate)
		a := &pieces[c.at]
		if a.size == 0 || a.right >= int32(len(pieces)) || a.size+pieces[a.right].size != c.size {
			continue // one of the two was merged with another
		}
		b := &pieces[a.right]
		a.size, a.id, a.right = c.size, c.id, b.right
		b.size = 0
		if a.right < int32(len(pieces)) {
			pieces[a.right].left = c.at
		}
		offer(a.left)
		offer(c.at)
	}
	for i := int32(0); i < int32(len(pieces)); i = pieces[i].right {
		tokens = append(tokens, pieces[i].id)
	}
	return tokens
}

// characters returns the characters of a line, those without a token as bytes.
func (m *Merges) characters(line string) []piece {
	pieces := make([]piece, 0, len(line))
	add := func(begin, size int, id int32, raw bool) {
		n := int32(len(pieces))
		pieces = append(pieces, piece{int32(begin), int32(size), n - 1, n + 1, id, raw})
	}
	for i := 0; i < len(line); {
		_, size := utf8.DecodeRuneInString(line[i:])
		if id, ok := m.ids[line[i:i+size]]; ok {
			add(i, size, id, false)
		} else {
			for j := range size {
				add(i+j, 1, firstByte+int32(line[i+j]), true)
			}
		}
		i += size
	}
	return pieces
}

// candidate is a merge of the piece at with the one right of it.
type candidate struct {
	score    float32
	at, size int32
	id       int32
}

// mergeQueue is a heap, the next merge first.
type mergeQueue []candidate

func (q mergeQueue) Len() int { return len(q) }
func (q mergeQueue) Less(i, j int) bool {
	return q[i].score > q[j].score || q[i].score == q[j].score && q[i].at < q[j].at
}
func (q mergeQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *mergeQueue) Push(c any)   { *q = append(*q, c.(candidate)) }
func (q *mergeQueue) Pop() any {
	last := len(*q) - 1
	c := (*q)[last]
	*q = (*q)[:last]
	return c
}
