package sweep

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"github.com/jackc/pgx/v5"

	"icar/internal/budget"
)

// Address says where a database is. It may hold a password: print Address,
// whose String leaves it out, and nothing that it was parsed from.
type Address struct {
	file     string          // of SQLite, or
	postgres *pgx.ConnConfig // of Postgres
}

// ErrPassword is the error about a password where others can read it.
var ErrPassword = errors.New("holds a password, which other users can see")

// ParseAddress understands the path of a SQLite file, a postgres:// URL, or
// "postgres:" and libpq's keywords, host=… user=… passfile=…. What it does not give comes
// from libpq's variables and files, such as PGPASSFILE. The error never
// repeats the text.
func ParseAddress(text string) (Address, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return Address{}, errors.New("the database's address is empty: give the path of a SQLite " +
			"file or a postgres:// URL")
	}
	keywords, isKeywords := strings.CutPrefix(text, "postgres:")
	isURL := strings.HasPrefix(text, "postgres://") || strings.HasPrefix(text, "postgresql://")
	if !isURL && !isKeywords {
		if strings.Contains(text, "://") || strings.Contains(text, "password=") {
			return Address{}, errors.New("the database's address is of no known kind: give the path of " +
				"a SQLite file or a postgres:// URL")
		}
		return Address{file: text}, nil
	}
	if !isURL {
		text = keywords
	}
	config, err := pgx.ParseConfig(text)
	if err != nil {
		return Address{}, errors.New("the database's address is no postgres://USER@HOST:PORT/NAME " +
			"that can be understood, or its passfile or certificate cannot be read")
	}
	if err := checkPassfile(text, isURL, config); err != nil {
		return Address{}, err
	}
	return Address{postgres: config}, nil
}

// passfile finds libpq's setting among keywords and in a URL.
var passfile = regexp.MustCompile(`[\s?&]passfile\s*=\s*('(?:[^'\\]|\\.)*'|[^\s&]+)`)

// checkPassfile refuses a password that comes from a passfile which others can
// read: libpq passes over such a file, pgx does not. A passfile that is named
// where it is not looked for, such as in a service file, is refused too.
func checkPassfile(text string, isURL bool, config *pgx.ConnConfig) error {
	if runtime.GOOS == "windows" { // see private
		return nil
	}
	with := func(path string) (*pgx.ConnConfig, error) { // what comes last counts
		switch {
		case !isURL:
			return pgx.ParseConfig(text + " passfile='" +
				strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(path) + "'")
		case strings.Contains(text, "?"):
			return pgx.ParseConfig(text + "&passfile=" + url.PathEscape(path))
		}
		return pgx.ParseConfig(text + "?passfile=" + url.PathEscape(path))
	}
	if bare, err := with(os.DevNull); err == nil && bare.Password == config.Password {
		return nil // the password, if there is one, is not from a passfile
	}
	path := os.Getenv("PGPASSFILE")
	if home, err := os.UserHomeDir(); path == "" && err == nil {
		path = filepath.Join(home, ".pgpass")
	}
	if all := passfile.FindAllStringSubmatch(" "+text, -1); all != nil {
		path = strings.NewReplacer(`\\`, `\`, `\'`, `'`).Replace(strings.Trim(all[len(all)-1][1],
			"'"))
		if plain, err := url.PathUnescape(path); err == nil && isURL {
			path = plain
		}
	}
	named, err := with(path)
	info, missing := os.Stat(path)
	if err != nil || missing != nil || named.Password != config.Password {
		return errors.New("the database's password comes from a passfile that the address does not " +
			"name plainly: give it as passfile=PATH, at the address's end")
	}
	if !private(info) {
		return fmt.Errorf("the passfile %s has mode %04o and others can read it: chmod 600 %[1]s",
			path, info.Mode().Perm())
	}
	return nil
}

// private reports whether nobody but its owner can read or write a file.
// Windows has no such modes; there it is the owner's care.
func private(info fs.FileInfo) bool {
	return runtime.GOOS == "windows" || info.Mode().Perm()&0o077 == 0
}

// ParsePublicAddress is ParseAddress of a text that others can see, such as a
// flag's: one with a password is refused with ErrPassword.
func ParsePublicAddress(text string) (Address, error) {
	u, err := url.Parse(text)
	secret := strings.Contains(strings.ToLower(text), "password")
	if err == nil && u.User != nil {
		_, given := u.User.Password()
		secret = secret || given
	}
	if err != nil && strings.Contains(text, "://") {
		secret = strings.Contains(text, "@")
	}
	if secret {
		return Address{}, fmt.Errorf("the address %w: put it into ICAR_DATABASE, or into a file of "+
			"mode 0600 that --database-file names", ErrPassword)
	}
	return ParseAddress(text)
}

// maxAddress is more than an address needs, in bytes.
const maxAddress = 1 << 16

// ReadAddress reads an address from a file that nobody but its owner can read
// or write.
func ReadAddress(path string) (Address, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Address{}, err
	}
	if !private(info) {
		return Address{}, fmt.Errorf("%s has mode %04o and others can read it: chmod 600 %[1]s",
			path, info.Mode().Perm())
	}
	if info.Size() > maxAddress || !info.Mode().IsRegular() {
		return Address{}, fmt.Errorf("%s holds no address: write one line, "+
			"postgres://USER:PASSWORD@HOST:PORT/NAME", path)
	}
	data, err := budget.ReadFile(path, maxAddress)
	if err != nil {
		return Address{}, err
	}
	a, err := ParseAddress(string(data))
	if err != nil {
		return a, fmt.Errorf("%s: %w", path, err)
	}
	return a, nil
}

// String names the database without its password.
func (a Address) String() string {
	if a.postgres == nil {
		return a.file
	}
	return fmt.Sprintf("postgres at %s:%d/%s", a.postgres.Host, a.postgres.Port,
		a.postgres.Database)
}

// GoString is String, for %#v.
func (a Address) GoString() string { return a.String() }

// Format is String under every verb: %+v would show the fields.
func (a Address) Format(f fmt.State, _ rune) { fmt.Fprint(f, a.String()) }

// File returns the path of a SQLite database, "" for Postgres.
func (a Address) File() string { return a.file }

// redact returns err with the password left out of its text.
func (a Address) redact(err error) error {
	if err == nil || a.postgres == nil || a.postgres.Password == "" {
		return err
	}
	text := err.Error()
	for _, secret := range []string{a.postgres.Password, url.QueryEscape(a.postgres.Password),
		url.PathEscape(a.postgres.Password)} {
		text = strings.ReplaceAll(text, secret, "REDACTED")
	}
	if text == err.Error() {
		return err
	}
	return redacted{text, err}
}

// redacted is an error under another text.
type redacted struct {
	text string
	err  error
}

func (r redacted) Error() string { return r.text }

// Is finds sentinels in the error, which itself is not handed out.
func (r redacted) Is(target error) bool { return errors.Is(r.err, target) }
