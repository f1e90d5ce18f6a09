package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// remarks are what licences want to be said, and which of two is chosen, by module.
var remarks = map[string]string{
	"github.com/ajstarks/svgo": "svgo is by Anthony Starks, https://github.com/ajstarks/svgo, " +
		"under the\n" +
		"Creative Commons Attribution 4.0 International Public License,\n" +
		"https://creativecommons.org/licenses/by/4.0/. It is used as it is, without\n" +
		"changes, and comes without warranties, see section 5 of the licence.",
	"github.com/golang/freetype": "Of the two licences that it offers, the FreeType License is\n" +
		"chosen. Portions of this software are copyright © 2010 The FreeType Project\n" +
		"(www.freetype.org). All rights reserved.",
	"github.com/tiktoken-go/tokenizer": "It holds the vocabularies of OpenAI's tiktoken,\n" +
		"https://github.com/openai/tiktoken, under the MIT License,\n" +
		"Copyright (c) 2022 OpenAI, Shantanu Jain.",
}

// refusedFiles are the licences that are not chosen, by module.
var refusedFiles = map[string][]string{"github.com/golang/freetype": {"licenses/gpl.txt"}}

// fonts are the files with the licences of fonts, below their modules, by the
// beginning of the import paths of the packages that hold them.
var fonts = map[string]string{
	"codeberg.org/go-fonts/liberation/": "LICENSE-SIL",
	"golang.org/x/image/font/gofont/":   "font/gofont/ttfs/README",
}

// sources are the documents that say where icar's own embedded data come from,
// in the folders of their packages. Each has to name the file.
const sources = "SOURCES.md"

// ours are the kinds of embedded files that were written for icar.
var ours = []string{".html", ".css", ".js", ".svg"}

// data returns the works of others that are embedded in icar's own packages.
func data(root string, packages []pkg) ([]work, error) {
	var works []work
	for _, p := range packages {
		others := slices.DeleteFunc(slices.Clone(p.EmbedFiles), func(f string) bool {
			return slices.Contains(ours, filepath.Ext(f)) || f == file || f == "LICENSE"
		})
		if len(others) == 0 {
			continue
		}
		said, err := os.ReadFile(filepath.Join(p.Dir, sources))
		if err != nil {
			return nil, fmt.Errorf("%s embeds %s: say where from: %w", p.ImportPath, others[0], err)
		}
		for _, f := range others {
			if !strings.Contains(string(said), f) {
				return nil, fmt.Errorf("%s embeds %s: say in %s where from", p.ImportPath, f,
					sources)
			}
		}
		name := "data in " + p.ImportPath + ": " + strings.Join(others, ", ")
		works = append(works, work{name: name, remark: string(said)})
	}
	return works, nil
}
