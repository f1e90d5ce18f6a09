package command

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"icar/internal/hostile"
)

// writeCorpus has TestHostileCorpus write what it otherwise reads.
var writeCorpus = flag.Bool("corpus", false,
	"write testdata/hostile anew, and what the readers take of it")

const (
	corpusFolder = "testdata/hostile"
	takenFile    = "testdata/hostile_taken.txt"
	corpusSeed   = 20
	corpusSize   = 200_000 // bytes of all files at most
)

// TestHostileCorpus runs every reader on every file of testdata/hostile, whatever
// kind of file that was made from. None panics or hangs, and each takes the files
// that testdata/hostile_taken.txt says, no others: one that is taken from now on is
// either looked at, or a check that was lost. After such a look
//
//	go test ./command -run HostileCorpus -corpus
//
// writes both anew.
func TestHostileCorpus(t *testing.T) {
	all := readers(t)
	if *writeCorpus {
		if err := makeCorpus(all); err != nil {
			t.Fatal(err)
		}
	}
	corpus, err := readCorpus()
	if err != nil {
		t.Fatal(err)
	}
	var taken strings.Builder
	for _, r := range all {
		t.Run(r.name, func(t *testing.T) {
			fmt.Fprintf(&taken, "%s:", r.name)
			for _, in := range corpus {
				c, err := measured(false, func() error { return r.read(in.Data) })
				if c.took > 10*time.Second {
					t.Errorf("%s takes %v", in.Name, c.took)
				}
				if err == nil {
					taken.WriteString(" " + in.Name)
				}
			}
			taken.WriteString("\n")
		})
	}
	if *writeCorpus {
		if err := os.WriteFile(takenFile, []byte(taken.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want := strings.SplitAfter(string(mustRead(t, takenFile)), "\n")
	for i, line := range strings.SplitAfter(taken.String(), "\n") {
		if i >= len(want) || line != want[i] {
			t.Errorf("it takes %s, and not, as %s says, %q", line, takenFile,
				append(want, make([]string, i+1)...)[i])
		}
	}
}

// readCorpus reads the files, in the order of their names.
func readCorpus() (all []hostile.Input, err error) {
	entries, err := os.ReadDir(corpusFolder)
	if err != nil {
		return nil, err
	}
	size := 0
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(corpusFolder, e.Name()))
		if err != nil {
			return nil, err
		}
		size += len(data)
		all = append(all, hostile.Input{Name: e.Name(), Data: data})
	}
	if len(all) < 200 || size > corpusSize {
		return nil, fmt.Errorf("%d files of %d bytes: want 200, and at most %d bytes", len(all),
			size, corpusSize)
	}
	return all, nil
}

// makeCorpus writes inputs made from what each reader reads, and those that have
// once done harm.
func makeCorpus(all []reader) error {
	if err := errors.Join(os.RemoveAll(corpusFolder), os.MkdirAll(corpusFolder, 0o755)); err != nil {
		return err
	}
	files, made := harmful(), map[string]bool{}
	for _, r := range all {
		if made[string(r.valid)] {
			continue // another reader of the same kind of file
		}
		made[string(r.valid)] = true
		for i, in := range hostile.Inputs(corpusSeed, 13, 1<<10, r.valid, r.places...) {
			if len(in.Data) <= 4<<10 {
				files[fmt.Sprintf("%s-%02d", strings.ReplaceAll(r.name, " ", "-"), i)] = in.Data
			}
		}
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(corpusFolder, name), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// harmful are small files that have once taken gigabytes, minutes or a process, or
// would have.
func harmful() map[string][]byte {
	text := func(s string) []byte { return []byte(s) }
	header := hostile.Safetensors(hostile.Around("", ""))
	array := hostile.NPY(hostile.Around("{'descr': '", " }\n"))
	tensor := hostile.Safetensors(hostile.Around(`{"t":{"dtype":"F32","shape":`, `}}`))
	files := map[string][]byte{
		"harm-empty": nil, "harm-bom": text("\ufeffd: 2\n"), "harm-nul": make([]byte, 512),
		"harm-brackets": bytes.Repeat(text("["), 8000),
		"harm-braces":   bytes.Repeat(text(`{"a":`), 2000),
		"harm-dashes":   append(bytes.Repeat(text("- "), 4000), '1'),
		"harm-aliases": text("a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n" +
			"c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n" +
			"e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n"),
		"harm-self":        text("a: &a [*a]\n"),
		"harm-huge-number": text("d: 1" + strings.Repeat("0", 2000) + "\n"),
		"harm-exponent":    text(`{"version":1e308,"step":-1e400,"d":1e999}`),
		"harm-twice":       text("d: 2\nd: 3\n"),
		"harm-grid": text("grid: {seed: [1, 2], d: [1, 2]}\n" +
			"random: {samples: 999999999999}\n"),
		"harm-bomb":          hostile.Gzip(make([]byte, 4<<20)),
		"harm-bomb-of-words": hostile.Gzip(bytes.Repeat(text("a 1 2\n"), 1<<19)),
		"harm-gzip-cut":      hostile.Gzip(text("a 1 2\nb 3 4\n"))[:20],
		"harm-shape": array(text("<f8', 'fortran_order': False, " +
			"'shape': (4611686018427387904, 4),")),
		"harm-negative": array(text("<f8', 'fortran_order': False, 'shape': (-1, 2),")),
		"harm-object":   array(text("|O', 'fortran_order': False, 'shape': (2,),")),
		"harm-offsets": tensor(text(`[1073741824,1073741824],` +
			`"data_offsets":[0,4611686018427387904]`)),
		"harm-overlap": tensor(text(`[1],"data_offsets":[0,4]},` +
			`"u":{"dtype":"F32","shape":[1],"data_offsets":[0,4]`)),
		"harm-backwards": tensor(text(`[1],"data_offsets":[4,0]`)),
		"harm-header":    append(bytes.Repeat([]byte{0xff}, 8), '{', '}'),
		"harm-settings": header(text(`{"__metadata__":{"settings":"` +
			strings.Repeat("[", 3000) + `","config":"x"}}`)),
		"harm-batch-0": text("batch: 0\n"),
		"harm-claims":  text(`[{"id":"a","pass":true,"measured":"NaN","tolerance":-1}]`),
		"harm-escape": text(`{"version":1,"name":"\u001b]0;owned\u0007",` +
			`"claims":[{"id":"` + "\u202e" + `"}]}`),
	}
	for _, name := range slices.Collect(maps.Keys(files)) {
		if data := files[name]; len(data) > 0 && len(data) < 1024 {
			files[name+"-cut"] = data[:len(data)/2]
		}
	}
	return files
}
