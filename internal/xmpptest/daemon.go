package xmpptest

import (
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// startLimit is how long a real server may take until it answers.
const startLimit = 60 * time.Second

// launcher is what differs between the real servers.
type launcher interface {
	// configure writes the configuration for the two ports.
	configure(clientPort, componentPort int) error

	// command is the program to start, in the server's directory.
	command() *exec.Cmd

	// addUser makes an account on the server, which runs, unless it exists.
	addUser(p *process, name string) error

	// name is the server's name, dir its directory.
	name() string
	dir() string
}

// daemon is a Server that is a program of its own.
type daemon struct {
	common
	launcher      launcher
	process       *process
	clientPort    int
	componentPort int
	users         []string
}

// errPortTaken says that somebody else has taken a port before the server did.
var errPortTaken = errors.New("a port was taken meanwhile")

// startDaemon starts a server with the given component domains on free ports and has it ended with the test.
func startDaemon(tb TB, l launcher, domains ...string) *daemon {
	tb.Helper()
	d := &daemon{common: common{name: l.name(), domains: domains}, launcher: l}
	tb.Cleanup(func() {
		if d.process == nil {
			return
		}
		if err := d.process.kill(); err != nil {
			tb.Errorf("%s: %v", d.name, err)
		}
		if tb.Failed() {
			tb.Logf("the end of %s's log:\n%s", d.name, tail(d.Log(), 40))
		}
	})

	for range 3 {
		ports := freePorts(tb, 2)
		d.clientPort, d.componentPort = ports[0], ports[1]
		if err := l.configure(d.clientPort, d.componentPort); err != nil {
			tb.Fatalf("configuring %s: %v", d.name, err)
		}
		err := d.run()
		if err == nil {
			return d
		}
		if !errors.Is(err, errPortTaken) {
			d.fail(tb, "starting", err)
		}
	}
	d.fail(tb, "starting", errPortTaken)
	return nil
}

// run starts the program and waits until both ports answer.
func (d *daemon) run() error {
	p, err := startProcess(d.launcher.command(), d.launcher.dir(), d.name, nil)
	if err != nil {
		return err
	}
	seen := 0
	if d.process != nil {
		seen = len(d.process.log())
	}
	d.process = p

	var answer error
	ready := poll(startLimit, func() bool {
		if p.ended() || portTaken(p.log()[seen:]) {
			return true
		}
		answer = errors.Join(
			answers(d.ClientAddr(), clientHeader(Domain), "<stream:features"),
			answers(d.ComponentAddr(), componentHeader(d.ComponentDomain(0)), "<stream:stream"))
		return answer == nil
	})
	switch {
	case portTaken(p.log()[seen:]):
		return errors.Join(errPortTaken, p.kill())
	case p.ended():
		return fmt.Errorf("it ended: %w", p.err)
	case !ready:
		return errors.Join(fmt.Errorf("no answer within %v: %w", startLimit, answer), p.kill())
	}
	return nil
}

// portTaken reports whether a server's log says that it could not listen. Both go on
// running then, and somebody else answers at the port.
func portTaken(log string) bool {
	return strings.Contains(log, "Failed to open server port") || // Prosody
		strings.Contains(log, "Failed to open socket") // ejabberd
}

// ClientAddr implements [Server].
func (d *daemon) ClientAddr() string { return loopback(d.clientPort) }

// ComponentAddr implements [Server].
func (d *daemon) ComponentAddr() string { return loopback(d.componentPort) }

// Log implements [Server].
func (d *daemon) Log() string { return d.process.log() }

// AddUser implements [Server].
func (d *daemon) AddUser(tb TB, name string) {
	tb.Helper()
	if slices.Contains(d.users, name) {
		return
	}
	if err := d.launcher.addUser(d.process, name); err != nil {
		d.fail(tb, "adding user "+name+" to", err)
	}
	d.users = append(d.users, name)
}

// Kill implements [Server].
func (d *daemon) Kill(tb TB) {
	tb.Helper()
	if err := d.process.kill(); err != nil {
		d.fail(tb, "killing", err)
	}
}

// Stop implements [Server].
func (d *daemon) Stop(tb TB) {
	tb.Helper()
	if err := d.process.stop(); err != nil {
		d.fail(tb, "stopping", err)
	}
}

// Start implements [Server].
func (d *daemon) Start(tb TB) {
	tb.Helper()
	if !d.process.ended() {
		tb.Fatalf("%s is still running", d.name)
	}
	if err := d.run(); err != nil {
		d.fail(tb, "starting", err)
	}
	// A killed ejabberd may have had an account in memory only.
	for _, name := range d.users {
		if err := d.launcher.addUser(d.process, name); err != nil {
			d.fail(tb, "adding user "+name+" again to", err)
		}
	}
}

// fail fails the test with the end of the server's log.
func (d *daemon) fail(tb TB, doing string, err error) {
	tb.Helper()
	log := "(not started)"
	if d.process != nil {
		log = tail(d.Log(), 40)
	}
	tb.Fatalf("%s %s: %v\nthe end of its log:\n%s", doing, d.name, err, log)
}
