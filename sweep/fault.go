package sweep

import (
	"context"
	"crypto/tls"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	lite "modernc.org/sqlite"
)

// Fault is what an error means to whoever asked the database: whether to ask
// again, to give up the trial, or to give up.
type Fault int

const (
	// Answer is none: the question was answered, if by ErrNone or ErrLost.
	Answer Fault = iota
	// Away is the fault of a database that does not answer now. The same
	// question may be answered later.
	Away
	// Refusal is an answer about what was asked: a text or a number that the
	// database does not take, a row that is not what its id says. The same
	// question gets it again; other trials are none the worse for it.
	Refusal
	// Broken is the fault of a database that a person has to mend: a wrong
	// password, missing tables, a file that was deleted or made read-only.
	Broken
)

// ErrAway is the error about a database that has been away for longer than a
// worker waits, see Patience.
var ErrAway = errors.New("the database has not answered")

// ErrBroken is the error about a database that is no longer the one that was
// opened, or is none of this icar's.
var ErrBroken = errors.New("the database is not usable")

// FaultOf is the one definition of what a worker may ask again. An error that
// nothing here knows is Away: it is of the way to the database, and whoever
// waits for it waits for a limited time.
func FaultOf(err error) Fault {
	var server *pgconn.PgError
	var file *lite.Error
	var certificate *tls.CertificateVerificationError
	inside := err
	if hidden := (redacted{}); errors.As(err, &hidden) {
		inside = hidden.err
	}
	switch {
	case err == nil, errors.Is(err, ErrNone), errors.Is(err, ErrLost):
		return Answer
	case errors.Is(err, ErrRow), errors.Is(err, errPoison):
		return Refusal
	case errors.Is(err, ErrBroken), errors.Is(err, ErrNoSweep), errors.As(inside, &certificate):
		return Broken
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return Away
	case errors.As(inside, &server):
		return sqlState(server.Code)
	case errors.As(inside, &file):
		if fault, known := sqliteFaults[file.Code()&0xff]; known {
			return fault
		}
		return Broken
	}
	return Away
}

// stateFaults are the faults of Postgres by the beginning of its SQLSTATE, the
// longest that fits. What is not here is Broken: 28, a wrong password; 3D, no
// such database; 42, no such table or no right to it; XX, corruption.
// https://www.postgresql.org/docs/current/errcodes-appendix.html
var stateFaults = map[string]Fault{
	"08":    Away,    // connection
	"25006": Away,    // read-only transaction: a standby that is about to take over
	"25P03": Away,    // idle in transaction for too long: this worker was stopped
	"25P04": Away,    // transaction took too long
	"40":    Away,    // rolled back: deadlock, serialization
	"53":    Away,    // resources: disk full, memory, too many connections
	"55P03": Away,    // lock not available
	"57":    Away,    // operator: shutdown, starting up, cancelled
	"57P04": Broken,  // the database was dropped
	"58":    Away,    // system: input and output
	"22":    Refusal, // data: invalid UTF-8, out of range
	"23":    Refusal, // a constraint
	"54":    Refusal, // limits of a statement: too large, too complex
}

func sqlState(code string) Fault {
	for n := len(code); n > 0; n-- {
		if fault, known := stateFaults[code[:n]]; known {
			return fault
		}
	}
	return Broken
}

// sqliteFaults are the faults of SQLite by its primary result code. What is not
// here is Broken: 1, no such table; 8, read-only; 11, corrupt; 26, no database.
// https://www.sqlite.org/rescode.html
var sqliteFaults = map[int]Fault{
	5:  Away,    // BUSY
	6:  Away,    // LOCKED
	7:  Away,    // NOMEM
	9:  Away,    // INTERRUPT: a question took too long
	10: Away,    // IOERR
	13: Away,    // FULL: the disk, until somebody makes room
	14: Away,    // CANTOPEN: too many open files
	15: Away,    // PROTOCOL: a race for the lock
	18: Refusal, // TOOBIG
	19: Refusal, // CONSTRAINT
	20: Refusal, // MISMATCH
}

// storable is a text that every database takes and a row has room for: valid
// UTF-8 without NUL, of at most 4 KiB.
func storable(text string) string {
	const most = 4 << 10
	if len(text) > most {
		text = text[:most]
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}
