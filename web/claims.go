package web

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"

	"icar/experiment"
	"icar/report"
)

// maxClaims is the largest claims.json that is read, in bytes.
const maxClaims = 8 << 20

// claims answers with the claims of the last icar reproduce, [] if there was
// none.
func (s *Server) claims() ([]experiment.Claim, error) {
	all := []experiment.Claim{}
	folder, err := s.outcome.open()
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	f, err := folder.Open(report.ClaimsFile)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return nil, refuse(http.StatusForbidden, "%s cannot be opened", report.ClaimsFile)
	}
	defer f.Close()
	if err := json.NewDecoder(io.LimitReader(f, maxClaims)).Decode(&all); err != nil {
		return nil, unreadable(err)
	}
	return all, nil
}
