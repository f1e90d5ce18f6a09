package emulator

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
)

// step does an instruction in the lanes that are on.
type step func(w *warp, on uint32)

// kind says what an instruction does to the course of a warp.
type kind int

const (
	plain kind = iota
	branch
	exit
	barrier
	shuffle
)

// instruction is one line of a kernel.
type instruction struct {
	kind   kind
	guard  int // row of the truth value that it depends on, or -1
	negate bool
	target int // of a branch
	do     step
	line   int
	text   string
}

// instruction reads one.
func (p *parser) instruction(line string) (instruction, error) {
	in := instruction{guard: -1}
	if strings.HasPrefix(line, "@") {
		guard, rest, _ := strings.Cut(line[1:], " ")
		in.negate = strings.HasPrefix(guard, "!")
		row, err := p.operand(strings.TrimPrefix(guard, "!"), truth)
		if err != nil {
			return in, err
		}
		in.guard, line = row, strings.TrimSpace(rest)
	}
	name, rest, _ := strings.Cut(line, " ")
	list := operands(rest)
	var err error
	switch {
	case name == "ret":
		in.kind = exit
	case name == "bra" && len(list) == 1:
		in.kind = branch
		p.jumps[len(p.entry.code)] = list[0]
	case name == "bar.sync" && slices.Equal(list, []string{"0"}):
		in.kind = barrier
	case strings.HasPrefix(name, "shfl."):
		in.kind = shuffle
		in.do, err = p.shuffle(name, list)
	case strings.HasPrefix(name, "ld.param."):
		in.do, err = p.loadParam(name, list)
	case strings.HasPrefix(name, "ld."), strings.HasPrefix(name, "st."):
		in.do, err = p.access(name, list)
	case name == "mov.u32" && len(list) == 2 && strings.Contains(list[1], "id."):
		in.do, err = p.special(list)
	case name == "mov.b64" && len(list) == 2:
		in.do, err = p.halves(list)
	default:
		in.do, err = p.calculation(name, list)
	}
	return in, err
}

// operands splits a list at the commas outside of braces.
func operands(s string) (list []string) {
	deep, from := 0, 0
	for i, c := range s {
		switch {
		case c == '{':
			deep++
		case c == '}':
			deep--
		case c == ',' && deep == 0:
			list = append(list, strings.TrimSpace(s[from:i]))
			from = i + 1
		}
	}
	if s = strings.TrimSpace(s[from:]); s != "" {
		list = append(list, s)
	}
	return list
}

// all returns the rows of operands of those kinds.
func (p *parser) all(list []string, kinds string) ([]int, error) {
	if len(list) != len(kinds) {
		return nil, fmt.Errorf("it has %d operands: it needs %d", len(list), len(kinds))
	}
	rows := make([]int, len(list))
	for i, s := range list {
		var err error
		if rows[i], err = p.operand(s, kinds[i]); err != nil {
			return nil, err
		}
		if i == 0 && !strings.HasPrefix(s, "%") {
			return nil, fmt.Errorf("%s cannot be written to", s)
		}
	}
	return rows, nil
}

// registers returns the rows of operands of those kinds none of which is a constant.
func (p *parser) registers(list []string, kinds string) ([]int, error) {
	for _, s := range list {
		if !strings.HasPrefix(s, "%") {
			return nil, fmt.Errorf("%s is no register", s)
		}
	}
	return p.all(list, kinds)
}

// calculation is an instruction of one of the tables.
func (p *parser) calculation(name string, list []string) (step, error) {
	op, ok := operations[name]
	if !ok {
		return nil, fmt.Errorf("there is no instruction %s here", name)
	}
	rows, err := p.all(list, op.kinds)
	if err != nil {
		return nil, err
	}
	return op.make(rows), nil
}

// shuffle exchanges numbers between the lanes of a warp.
func (p *parser) shuffle(name string, list []string) (step, error) {
	modes := map[string]func(lane int, which uint32) int{
		"shfl.sync.bfly.b32": func(lane int, which uint32) int { return lane ^ int(which) },
		"shfl.sync.idx.b32":  func(_ int, which uint32) int { return int(which) },
	}
	from := modes[name]
	if from == nil || len(list) != 5 || list[3] != "31" || list[4] != "-1" {
		return nil, fmt.Errorf("of shuffles there are shfl.sync.bfly.b32 and shfl.sync.idx.b32 " +
			"d, a, which, 31, -1 here")
	}
	rows, err := p.all(list[:3], "www")
	if err != nil {
		return nil, err
	}
	return func(w *warp, _ uint32) {
		values := w.narrow[rows[1]] // a copy: the result may stand where they do
		for l := range values {
			which := w.narrow[rows[2]][l]
			if which > 31 {
				w.fault(l, "a warp has no lane %d", which)
			}
			w.narrow[rows[0]][l] = values[from(l, which)]
		}
	}, nil
}

// loadParam reads a parameter of the kernel.
func (p *parser) loadParam(name string, list []string) (step, error) {
	kind, size := narrow, 4
	if strings.HasSuffix(name, "64") {
		kind, size = wide, 8
	}
	if len(list) != 2 {
		return nil, fmt.Errorf("it has a register and a parameter")
	}
	rows, err := p.all(list[:1], string(kind))
	if err != nil {
		return nil, err
	}
	i := slices.Index(p.entry.params, param{strings.Trim(list[1], "[]"), size})
	if i < 0 {
		return nil, fmt.Errorf("there is no parameter %s of %d bytes", list[1], size)
	}
	return func(w *warp, on uint32) {
		for m := on; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m)
			if kind == wide {
				w.wide[rows[0]][l] = w.block.args[i]
			} else {
				w.narrow[rows[0]][l] = uint32(w.block.args[i])
			}
		}
	}, nil
}

// special reads where a thread stands.
func (p *parser) special(list []string) (step, error) {
	rows, err := p.all(list[:1], "w")
	if err != nil {
		return nil, err
	}
	name, axis, _ := strings.Cut(list[1], ".")
	a := strings.Index("xyz", axis)
	if a < 0 || len(axis) != 1 || !slices.Contains([]string{"%tid", "%ntid", "%ctaid",
		"%nctaid"}, name) {
		return nil, fmt.Errorf("there is no %s here", list[1])
	}
	return func(w *warp, on uint32) {
		for m := on; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m)
			v := 0
			switch name {
			case "%tid":
				v = w.place(l)[a]
			case "%ntid":
				v = w.block.threads[a]
			case "%ctaid":
				v = w.block.at[a]
			case "%nctaid":
				v = w.block.grid[a]
			}
			w.narrow[rows[0]][l] = uint32(v)
		}
	}, nil
}
