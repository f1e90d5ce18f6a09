package web

import (
	"errors"
	"io/fs"
	"net/http"

	"icar/internal/budget"
	"icar/outcome"
	"icar/report"
)

// maxClaims is the largest claims.json that is read, in bytes.
const maxClaims = 8 << 20

// claims answers with the claims of the last icar reproduce, [] if there was
// none.
func (s *Server) claims() ([]outcome.Claim, error) {
	all := []outcome.Claim{}
	folder, err := s.outcome.open()
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	b := budget.Results()
	data, err := budget.ReadIn(budget.Root(folder), report.ClaimsFile, maxClaims)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return nil, refuse(http.StatusForbidden, "%s cannot be read: %v", report.ClaimsFile, err)
	}
	if err := budget.Unmarshal(data, &all, b); err != nil {
		return nil, unreadable(err)
	}
	return all, nil
}
