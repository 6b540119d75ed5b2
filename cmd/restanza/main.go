// Command restanza is a RESTful gateway to XMPP.
//
//	restanza dev              runs a gateway with an XMPP host of its own, for trying it out
//	restanza serve            runs the gateway
//	restanza config check     checks a configuration
//	restanza config example   prints a configuration file with every key
//	restanza config secret    prints a new secret for signing callbacks
//	restanza doctor           tries, step by step, whether it would work
//	restanza send TO TEXT     sends a message through a gateway
//	restanza iq ping JID      asks an XMPP entity something
//	restanza listen           hands what a gateway receives to a program on this machine
//	restanza tail             shows what comes and goes at a gateway
//	restanza deliveries       shows and changes what waits for a callback
//	restanza dead-letters     shows and changes what no callback has accepted in time
//	restanza version          prints the version
//	restanza man              prints the man page
//
// `restanza help` tells more, as do docs/cli.md and docs/configuration.md. The exit code is 0
// if all is well, 1 if something failed at work, and 2 if the usage or the configuration is
// wrong; those that speak with a gateway have more.
package main

import (
	"context"
	"os"
)

func main() {
	configDir, err := os.UserConfigDir()
	if err != nil {
		configDir = "" // without a home there is no file in it
	}
	os.Exit(run(context.Background(), process{
		args:      os.Args[1:],
		environ:   os.Environ(),
		configDir: configDir,
		stdin:     os.Stdin,
		stdout:    os.Stdout,
		stderr:    os.Stderr,
	}))
}
