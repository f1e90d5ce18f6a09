package report

import (
	"regexp"
	"strings"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
)

// scripted finds a symbol with a subscript or a power: one letter, then "_" or "^" and digits,
// one letter or anything in braces. Longer names with "_", as weight_decay, are names; ᵀ and ²
// are no letters of one.
var scripted = regexp.MustCompile(
	`([\p{Lu}\p{Ll}\p{Lo}]\pM*)([_^])(?:\{([^{}]+)\}|(\p{Nd}+|[\p{Lu}\p{Ll}\p{Lo}]))`)

// level is where a piece of a line stands.
type level int

const (
	below level = iota - 1
	online
	above
)

// piece is a part of a line of text, set on it, below or above it.
type piece struct {
	words string
	level level
}

// pieces cuts a line where subscripts and powers begin and end: "Γ s_{t-1}" into "Γ s" and
// below it "t-1".
func pieces(line string) (all []piece) {
	end := 0
	for _, at := range scripted.FindAllStringSubmatchIndex(line, -1) {
		if within(line[:at[2]], line[at[1]:]) {
			continue
		}
		moved := piece{line[max(at[6], at[8]):max(at[7], at[9])], below}
		if line[at[4]] == '^' {
			moved.level = above
		}
		all = append(all, piece{words: line[end:at[3]]}, moved)
		end = at[1]
	}
	if end < len(line) || len(all) == 0 {
		all = append(all, piece{words: line[end:]})
	}
	return all
}

// within tells whether what stands between two texts is a part of a longer name.
func within(before, after string) bool {
	return nameBefore.MatchString(before) || nameAfter.MatchString(after)
}

var nameBefore, nameAfter = regexp.MustCompile(`[\p{Lu}\p{Ll}\p{Lo}\p{Nd}_]$`),
	regexp.MustCompile(`^[\p{Lu}\p{Ll}\p{Lo}\p{Nd}_]`)

const (
	scriptSize    = 0.75 // of the size of the line
	subscriptDrop = 0.22 // below the line, of its size
	powerRise     = 0.35 // above it
)

// script is gonum's handler of plain text, with real subscripts and powers. Letters stand as far
// apart as each is wide, without kerning, in all formats: PDF knows no kerning.
type script struct{ text.Plain }

// Box implements text.Handler.
func (h script) Box(line string, f font.Font) (width, height, depth vg.Length) {
	for _, p := range pieces(line) {
		width += advance(h.face(f, p), p.words)
	}
	e := h.Extents(f)
	return width, e.Ascent, e.Descent
}

// face is the type of a piece.
func (h script) face(f font.Font, p piece) font.Face {
	if p.level != online {
		f.Size *= scriptSize
	}
	return h.Fonts.Lookup(f, f.Size)
}

// Draw implements text.Handler.
func (h script) Draw(c vg.Canvas, words string, s text.Style, at vg.Point) {
	c.SetColor(s.Color)
	if s.Rotation != 0 {
		c.Push()
		defer c.Pop()
		c.Rotate(s.Rotation)
		at = turned(at, -s.Rotation)
	}
	lines := h.Lines(words)
	at.Y += s.Height(words)*vg.Length(s.YAlign) - h.Extents(s.Font).Ascent
	for i, line := range lines {
		width, _, _ := h.Box(line, s.Font)
		pen := vg.Point{X: at.X + width*vg.Length(s.XAlign),
			Y: at.Y + vg.Length(len(lines)-i)*s.Font.Size}
		for _, p := range pieces(line) {
			face := h.face(s.Font, p)
			rise := map[level]vg.Length{below: -subscriptDrop, above: powerRise}[p.level]
			if p.words != "" {
				c.FillString(face, vg.Point{X: pen.X, Y: pen.Y + rise*s.Font.Size}, p.words)
			}
			pen.X += advance(face, p.words)
		}
	}
}

// wrap breaks a text at spaces into lines that are no wider than room, as far as its words
// allow.
func wrap(words string, s text.Style, room vg.Length) string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(words) {
		longer := strings.TrimPrefix(line+" "+word, " ")
		if line != "" && s.Width(longer) > room {
			lines = append(lines, line)
			longer = word
		}
		line = longer
	}
	return strings.Join(append(lines, line), "\n")
}
