package web

import (
	"context"
	"net/http"
)

// route is an address of the server. docs/api.md has a section for each.
type route struct {
	method, path string
	parameters   []parameter
	answer       string // what docs/api.md says that it answers
	body         int64  // largest body, in bytes; 0 for none
	serve        func(s *Server, w http.ResponseWriter, r *http.Request, v values) error
}

// routes lists the addresses below /api/. Everything else is the page.
func routes() []route {
	return []route{
		{method: "GET", path: "/api/process", parameters: processParameters, answer: "document", serve: document((*Server).process)},
		{method: "GET", path: "/api/step", parameters: stepParameters, answer: "document", serve: document((*Server).step)},
		{method: "GET", path: "/api/heads", parameters: headsParameters, answer: "events", serve: (*Server).heads},
		{method: "GET", path: "/api/position", parameters: positionParameters, answer: "document", serve: document((*Server).position)},
		{method: "GET", path: "/api/runs", parameters: runsParameters, answer: "document", serve: (*Server).listRuns},
		{method: "GET", path: "/api/inside", parameters: insideParameters, answer: "document", serve: document((*Server).inside)},
		{method: "GET", path: "/api/claims", answer: "claims", serve: func(s *Server, w http.ResponseWriter, _ *http.Request, _ values) error {
			all, err := s.claims()
			if err == nil {
				writeJSON(w, http.StatusOK, all)
			}
			return err
		}},
		{method: "POST", path: "/api/sequence", answer: "document", body: maxSequenceBytes, serve: upload((*Server).sequence)},
		{method: "POST", path: "/api/model", answer: "document", body: maxModelBytes, serve: upload((*Server).model)},
	}
}

// document serves what a part computes, as one of a bounded number at a time.
func document(compute func(*Server, context.Context, values) (Document, error)) func(*Server, http.ResponseWriter, *http.Request, values) error {
	return func(s *Server, w http.ResponseWriter, r *http.Request, v values) error {
		give, err := s.computations.take(r.Context())
		if err != nil {
			return err
		}
		defer give()
		doc, err := compute(s, r.Context(), v)
		if err == nil {
			writeJSON(w, http.StatusOK, doc)
		}
		return err
	}
}

// upload serves what is computed of the body of a request.
func upload(compute func(*Server, context.Context, []byte) (Document, error)) func(*Server, http.ResponseWriter, *http.Request, values) error {
	return func(s *Server, w http.ResponseWriter, r *http.Request, _ values) error {
		file, err := s.arrival(w, r)
		if err != nil {
			return err
		}
		give, err := s.uploads.take(r.Context())
		if err != nil {
			return err
		}
		defer give()
		doc, err := compute(s, r.Context(), file)
		if err == nil {
			writeJSON(w, http.StatusOK, doc)
		}
		return err
	}
}
