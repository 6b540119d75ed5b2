// Command restanza is a RESTful gateway to XMPP.
//
//	restanza serve            runs the gateway
//	restanza config check     checks a configuration
//	restanza config example   prints a configuration file with every key
//	restanza doctor           tries, step by step, whether it would work
//	restanza version          prints the version
//
// `restanza help` tells more, as does docs/configuration.md. The exit code is 0 if all
// is well, 1 if something failed at work, and 2 if the usage or the configuration is wrong.
package main

import (
	"context"
	"os"
)

func main() {
	os.Exit(run(context.Background(), process{
		args:    os.Args[1:],
		environ: os.Environ(),
		stdin:   os.Stdin,
		stdout:  os.Stdout,
		stderr:  os.Stderr,
	}))
}
