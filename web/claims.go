package web

import (
	"errors"
	"io/fs"

	"icar/internal/budget"
	"icar/outcome"
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
	data, err := budget.ReadIn(budget.Root(folder), outcome.ClaimsFile, maxClaims)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return nil, refuse(statusForbidden, "%s cannot be read: %v", outcome.ClaimsFile, err)
	}
	if err := budget.Unmarshal(data, &all, b); err != nil {
		return nil, unreadable(err)
	}
	return all, nil
}
