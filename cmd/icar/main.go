// Command icar reproduces, verifies and extends the paper "How do Transformers
// perform In-Context Autoregressive Learning?" (ICML 2024).
package main

import (
	"os"

	"icar/command"
	"icar/experiment"
)

func main() {
	os.Exit(command.Main(os.Args[1:], os.Stdout, os.Stderr,
		command.WithExperiments(experiment.All()...)))
}
