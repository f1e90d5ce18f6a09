// Command icar reproduces, verifies and extends the paper "How do Transformers
// perform In-Context Autoregressive Learning?" (ICML 2024).
package main

import (
	"os"

	"icar/command"
	"icar/papers/sander2024"
)

func main() {
	os.Exit(command.Main(os.Args[1:], os.Stdout, os.Stderr,
		command.WithExperiments(sander2024.All()...)))
}
