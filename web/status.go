package web

// The statuses of HTTP that an answer has. They are written out here because what
// computes the answers also runs in a page, where net/http would be half of it.
const (
	statusOK           = 200
	statusNotModified  = 304
	statusBad          = 400
	statusUnauthorised = 401
	statusForbidden    = 403
	statusNotFound     = 404
	statusTimeout      = 408
	statusTooLarge     = 413
	statusUnusable     = 422 // it was understood, and is not to be had
	statusBusy         = 429
	statusFailed       = 500
)
