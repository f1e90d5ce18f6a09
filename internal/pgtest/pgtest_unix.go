//go:build unix

// Package pgtest starts a Postgres for tests.
package pgtest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// ErrMissing is the error where Postgres is not installed.
var ErrMissing = errors.New("no Postgres is installed: apt-get install postgresql")

// Password is that of the server's user.
const Password = "canary-7f3a/9%&c"

// Server is a Postgres on a free port of loopback, with a password.
type Server struct {
	Port int
	dir  string
	bin  string
	cred *syscall.Credential // of the user it runs as, which is not root
	cmd  *exec.Cmd
	exit chan error
}

// Start makes a database cluster in a folder of its own and starts it.
func Start() (*Server, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		if found = nil; exec.Command("initdb", "--version").Run() != nil {
			return nil, ErrMissing
		}
	}
	s := &Server{}
	if len(found) > 0 {
		s.bin = filepath.Dir(found[len(found)-1])
	}
	if s.dir, err = os.MkdirTemp("", "icar-postgres-*"); err != nil {
		return nil, err
	}
	if err := s.own(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.dir))
	}
	password := filepath.Join(s.dir, "password")
	if err := os.WriteFile(password, []byte(Password), 0o644); err != nil {
		return nil, err
	}
	if out, err := s.command("initdb", "-D", s.data(), "-U", "icar", "-A", "scram-sha-256",
		"--pwfile", password, "--no-sync", "--locale=C", "-E", "UTF8").CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("initdb: %w: %s", err, out), os.RemoveAll(s.dir))
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.Port = l.Addr().(*net.TCPAddr).Port
	return s, errors.Join(l.Close(), s.Up())
}

// own gives the folder to a user who may run Postgres.
func (s *Server) own() error {
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return err
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return err
	}
	s.cred = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return os.Chown(s.dir, uid, gid)
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) command(name string, args ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(s.bin, name), args...)
	c.Dir, c.SysProcAttr = s.dir, &syscall.SysProcAttr{Credential: s.cred}
	return c
}

// Up starts the server and waits until it answers.
func (s *Server) Up() error {
	var log bytes.Buffer
	s.cmd = s.command("postgres", "-D", s.data(), "-p", strconv.Itoa(s.Port), "-c",
		"listen_addresses=127.0.0.1", "-c", "unix_socket_directories="+s.dir, "-c", "max_connections=300")
	s.cmd.Stderr = &log
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.exit = make(chan error, 1)
	go func() { s.exit <- s.cmd.Wait() }()
	for range 300 {
		select {
		case err := <-s.exit:
			return fmt.Errorf("postgres has ended: %w: %s", err, log.Bytes())
		case <-time.After(100 * time.Millisecond):
		}
		if s.command("pg_isready", "-q", "-h", "127.0.0.1", "-p", strconv.Itoa(s.Port)).Run() == nil {
			return nil
		}
	}
	return errors.New("postgres does not answer")
}

// Down stops the server: politely with SIGINT, at once with SIGQUIT.
func (s *Server) Down(signal syscall.Signal) error {
	if err := s.cmd.Process.Signal(signal); err != nil {
		return err
	}
	<-s.exit
	return nil
}

// Remove stops the server and removes its files.
func (s *Server) Remove() error {
	return errors.Join(s.Down(syscall.SIGQUIT), os.RemoveAll(s.dir))
}

// Database makes a database and returns its address, with the password.
func (s *Server) Database(name string) (string, error) {
	c := s.command("createdb", "-h", "127.0.0.1", "-p", strconv.Itoa(s.Port), "-U", "icar", name)
	c.Env = slices.Concat(os.Environ(), []string{"PGPASSWORD=" + Password})
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("createdb: %w: %s", err, out)
	}
	return s.Address(name), nil
}

// Address returns that of a database of the server, with the password.
func (s *Server) Address(name string) string {
	return fmt.Sprintf("postgres:host=127.0.0.1 port=%d user=icar password='%s' dbname=%s "+
		"sslmode=disable",
		s.Port, Password, name)
}
