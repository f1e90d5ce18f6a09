package emulator

import (
	"fmt"
	"strconv"
	"strings"
)

// entry is a kernel, ready to run.
type entry struct {
	name      string
	params    []param
	code      []instruction
	narrow    int            // registers of 32 bits, constants and truth values among them
	wide      int            // registers of 64 bits
	constants map[int]uint32 // narrow registers that never change
	longs     map[int]uint64 // wide ones
	shared    int            // bytes declared
	most      int            // threads of a block, 0 for any number
}

type param struct {
	name string
	size int // bytes
}

// parser reads the text of a module, a line at a time.
type parser struct {
	entries map[string]*entry
	entry   *entry
	inside  bool           // of the braces of an entry
	banks   map[string]int // declared registers by prefix
	kinds   map[string]byte
	rows    map[string]int // registers and constants by kind and name
	labels  map[string]int
	symbols map[string]int // of shared memory, their addresses
	jumps   map[int]string // instruction and the label that it goes to
	asked   string         // the symbol of shared memory that launches ask for
}

// parse reads a module that has an instruction, a declaration or a label a line,
// as package ptx and clang write it.
func parse(text string) (map[string]*entry, error) {
	p := &parser{entries: map[string]*entry{}}
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "//")
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if err := p.line(line, i+1); err != nil {
			return nil, fmt.Errorf("line %d, %q: %w", i+1, line, err)
		}
	}
	if p.inside {
		return nil, fmt.Errorf("the entry %s has no end", p.entry.name)
	}
	return p.entries, nil
}

// line takes up one line.
func (p *parser) line(line string, number int) error {
	switch {
	case strings.HasPrefix(line, ".version"), strings.HasPrefix(line, ".target"),
		strings.HasPrefix(line, ".address_size"), line == "(", line == ")":
		return nil
	case strings.HasPrefix(line, ".minnctapersm"):
		return nil // how to share out registers, of which there are enough here
	case strings.HasPrefix(line, ".maxntid") && p.entry != nil:
		return p.bounds(strings.TrimPrefix(line, ".maxntid"))
	case strings.HasPrefix(line, ".extern .shared"):
		words := strings.Fields(strings.TrimSuffix(line, "[];"))
		p.asked = words[len(words)-1]
		return nil
	case strings.HasPrefix(line, ".visible .entry"):
		name := strings.TrimRight(strings.TrimPrefix(line, ".visible .entry "), "()")
		p.begin(name)
		return nil
	case p.entry == nil:
		return fmt.Errorf("it stands outside of an entry")
	case strings.HasPrefix(line, ".param"):
		return p.param(strings.TrimSuffix(line, ","))
	case line == "{":
		p.inside = true
		return nil
	case line == "}":
		p.inside = false
		return p.end()
	case strings.HasPrefix(line, "$"):
		p.labels[strings.TrimSuffix(line, ":")] = len(p.entry.code)
		return nil
	case !strings.HasSuffix(line, ";"):
		return fmt.Errorf("it does not end in ;")
	}
	line = strings.TrimSuffix(line, ";")
	switch {
	case strings.HasPrefix(line, ".reg"):
		return p.declare(strings.Fields(line))
	case strings.HasPrefix(line, ".shared"):
		return p.memory(strings.Fields(line))
	}
	in, err := p.instruction(line)
	in.line, in.text = number, line
	p.entry.code = append(p.entry.code, in)
	return err
}

func (p *parser) begin(name string) {
	p.entry = &entry{name: name, constants: map[int]uint32{}, longs: map[int]uint64{}}
	p.entries[name] = p.entry
	p.banks, p.kinds, p.rows = map[string]int{}, map[string]byte{}, map[string]int{}
	p.labels, p.symbols, p.jumps = map[string]int{}, map[string]int{}, map[int]string{}
}

// end resolves the labels. A lane that would run on behind the last instruction
// finds a ret there.
func (p *parser) end() error {
	for i, label := range p.jumps {
		target, ok := p.labels[label]
		if !ok {
			return fmt.Errorf("there is no label %s", label)
		}
		p.entry.code[i].target = target
	}
	p.entry.code = append(p.entry.code, instruction{kind: exit, guard: -1, text: "}"})
	return nil
}

// bounds reads the largest block, 64, 1, 1, whose threads' registers the kernel is made for.
func (p *parser) bounds(list string) error {
	p.entry.most = 1
	for s := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(s))
		if err != nil || n < 1 {
			return fmt.Errorf(".maxntid has numbers of threads, and %q is none", s)
		}
		p.entry.most *= n
	}
	return nil
}

// param declares a parameter: .param .u64 name.
func (p *parser) param(line string) error {
	words := strings.Fields(line)
	if len(words) != 3 {
		return fmt.Errorf("a parameter is a type and a name")
	}
	size, ok := map[string]int{".u64": 8, ".b64": 8, ".u32": 4, ".b32": 4, ".s32": 4,
		".f32": 4}[words[1]]
	if !ok {
		return fmt.Errorf("there are no parameters of type %s here", words[1])
	}
	p.entry.params = append(p.entry.params, param{words[2], size})
	return nil
}

// declare makes registers: .reg .f32 %f<12>.
func (p *parser) declare(words []string) error {
	if len(words) != 3 {
		return fmt.Errorf("registers are a type and a name with their number")
	}
	kind, ok := map[string]byte{".f32": narrow, ".b32": narrow, ".u32": narrow, ".s32": narrow,
		".f64": wide, ".b64": wide, ".u64": wide, ".s64": wide, ".pred": truth}[words[1]]
	prefix, rest, cut := strings.Cut(words[2], "<")
	count, err := strconv.Atoi(strings.TrimSuffix(rest, ">"))
	if !ok || !cut || err != nil {
		return fmt.Errorf("there are no registers %s %s here", words[1], words[2])
	}
	p.banks[prefix], p.kinds[prefix] = count, kind
	return nil
}

// memory declares shared memory: .shared .align 16 .b8 memory[64].
func (p *parser) memory(words []string) error {
	name, rest, cut := strings.Cut(words[len(words)-1], "[")
	size, err := strconv.ParseUint(strings.TrimSuffix(rest, "]"), 10, 31)
	if !cut || err != nil || len(words) != 5 || words[1] != ".align" || words[3] != ".b8" {
		return fmt.Errorf("shared memory is .shared .align A .b8 name[bytes]")
	}
	p.symbols[name] = sharedBase + p.entry.shared
	p.entry.shared += (int(size) + 15) &^ 15
	return nil
}

// The kinds of operands.
const (
	narrow byte = 'w' // 32 bits
	wide   byte = 'q' // 64 bits
	truth  byte = 'p' // a truth value, a narrow 0 or 1
)

// operand returns the row of a register, a constant or a symbol of that kind.
func (p *parser) operand(s string, kind byte) (int, error) {
	key := string(kind) + s
	if row, ok := p.rows[key]; ok {
		return row, nil
	}
	if strings.HasPrefix(s, "%") {
		prefix := strings.TrimRight(s, "0123456789")
		n, err := strconv.Atoi(s[len(prefix):])
		if err != nil || n >= p.banks[prefix] {
			return 0, fmt.Errorf("the register %s is not declared", s)
		}
		if p.kinds[prefix] != kind {
			return 0, fmt.Errorf("the register %s is of another type than the instruction", s)
		}
		return p.row(key, kind), nil
	}
	value, err := p.constant(s, kind)
	if err != nil {
		return 0, err
	}
	row := p.row(key, kind)
	if kind == wide {
		p.entry.longs[row] = value
	} else {
		p.entry.constants[row] = uint32(value)
	}
	return row, nil
}

// row returns a new row for a register.
func (p *parser) row(key string, kind byte) int {
	count := &p.entry.narrow
	if kind == wide {
		count = &p.entry.wide
	}
	*count++
	p.rows[key] = *count - 1
	return *count - 1
}

func (p *parser) constant(s string, kind byte) (uint64, error) {
	if at, ok := p.symbols[s]; ok && kind == narrow {
		return uint64(at), nil
	}
	switch {
	case kind == truth:
	case s == p.asked && kind == narrow && s != "": // behind what is declared
		return uint64(sharedBase + p.entry.shared), nil
	case kind == narrow && strings.HasPrefix(s, "0f"):
		return strconv.ParseUint(s[2:], 16, 32)
	case kind == wide && strings.HasPrefix(s, "0d"):
		return strconv.ParseUint(s[2:], 16, 64)
	default:
		v, err := strconv.ParseInt(s, 0, 64)
		if err == nil && (kind == wide || v >= -1<<31 && v < 1<<32) {
			return uint64(v), nil
		}
	}
	return 0, fmt.Errorf("%s is no operand of this instruction", s)
}
