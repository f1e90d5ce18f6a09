// Package icar holds what goes with every copy of icar: its licence and those
// of the works of others that are linked into it. What icar does is in the
// packages below and in its command, see the README.
package icar

import _ "embed" // the texts

//go:embed LICENSE
var licence string

//go:embed NOTICE
var notice string

// Licences returns icar's own licence and NOTICE: the works of others in its
// command, modules, fonts and data, with all of their licences' texts.
func Licences() string { return licence + "\n" + notice }
