package web

import (
	"context"
	"fmt"

	"icar/ar"
	"icar/theory"
)

var leastParameters = of(headsParameters, "family", "d", "h")

// least says what theory predicts of so many heads, before anything is trained.
func (s *Server) least(_ context.Context, v values) (Document, error) {
	family, d, h := ar.Family(v["family"]), v.integer("d"), v.integer("h")
	if err := ar.New(family, d).Check(); err != nil {
		return Document{}, bad(err)
	}
	minimum, err := theory.PlainMinimum(family, d, h)
	if err != nil {
		return Document{}, bad(err)
	}
	var doc Document
	doc.number("minimum", minimum)
	serves := "one coordinate"
	if family == ar.Rotation {
		serves = "a pair of coordinates"
	}
	doc.say("theory", "%s for %d coordinates, each serves %s: theory says that the loss becomes %v.",
		capital(plural(h, "head")), d, serves, minimum)
	return doc, nil
}

// becomes compares a training that has ended with theory.
func becomes(loss, minimum float64) string {
	return fmt.Sprintf("Theory says that the loss becomes %v. It has become %.4f.", minimum, loss)
}
