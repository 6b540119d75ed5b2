package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/restanza/restanza/format"
)

// authorization is the credential of the load.
const authorization = "Bearer load"

// The names of the programs that are measured.
const (
	gatewayName = "gateway"
	jsonName    = "gateway+json"    // the same process, spoken to in JSON
	journalName = "gateway+journal" // another one, with a journal
	limitName   = "limit"
	waitName    = "limit+wait"
	bareName    = "bare"
)

// program is something that is measured: a process and how to use it.
type program struct {
	name    string
	process *process
	address string // host:port of its HTTP
	domain  string // of its component
	paths   map[mode]string
	format  *format.Format // of what is posted
}

const (
	readyTimeout = 15 * time.Second
	buildTimeout = 5 * time.Minute
)

// buildGateway builds the gateway's binary into a directory.
func buildGateway(ctx context.Context, dir string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, buildTimeout)
	defer cancel()
	binary := dir + "/restanza"
	output, err := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", binary, //nolint:gosec // the tool's own directory
		"github.com/restanza/restanza/cmd/restanza").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building the gateway: %w\n%s", err, output)
	}
	return binary, nil
}

// startGateway starts the gateway without a journal and waits until it is ready. It also
// returns how long that took, from the start of the process.
func startGateway(ctx context.Context, binary string, server *server, callback string) (*program, time.Duration, error) {
	return startServe(ctx, gatewayName, binary, server, server.gateway, callback, "none")
}

// startJournal starts the gateway with a journal in dir, as users do, and waits until it is
// ready.
func startJournal(ctx context.Context, binary string, server *server, callback, dir string) (*program, error) {
	p, _, err := startServe(ctx, journalName, binary, server, server.journal, callback, filepath.Join(dir, "journal-"+server.name+".db"))
	return p, err
}

// startServe starts the gateway as one component of a server.
func startServe(ctx context.Context, name, binary string, server *server, domain, callback, journal string) (*program, time.Duration, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, 0, err
	}
	args := []string{
		"serve", "--component", domain, "--server", server.address, "--secret", server.secret,
		"--credentials", authorization, "--listen", address, "--log-level", "warn", "--journal-path", journal,
	}
	if callback != "" {
		args = append(args, "--callback-url", callback)
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), binary, args...) //nolint:gosec // just built, or named by the user
	started := time.Now()
	child, err := startProcess(cmd)
	if err != nil {
		return nil, 0, fmt.Errorf("starting the gateway: %w", err)
	}
	child.name = name
	child.watch()
	if err := await(ctx, readyTimeout, time.Millisecond, func() error { return ready(ctx, address) }); err != nil {
		child.stop()
		return nil, 0, fmt.Errorf("the gateway is not ready: %w; it said: %s", err, child.output)
	}
	return &program{
		name: name, process: child, address: address, domain: domain,
		paths: map[mode]string{modeSend: "/rest", modeIQ: "/rest", modeCallback: "/rest"}, format: format.XML,
	}, time.Since(started), nil
}

// inJSON is the same gateway, for programs that post JSON.
func (p *program) inJSON() *program {
	other := *p
	other.name, other.format = jsonName, format.JSON
	other.paths = map[mode]string{modeSend: p.paths[modeSend], modeIQ: p.paths[modeIQ]}
	return &other
}

// ready asks the gateway whether it is ready.
func ready(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New("/readyz says " + response.Status)
	}
	return nil
}

// startLimit starts the limit against a server. The second program is the same
// process, used on the path that waits.
func startLimit(ctx context.Context, server *server, callback string) (limit, wait *program, err error) {
	child, address, err := startSelf(ctx, limitCommand, server.address, server.limit, server.secret, callback)
	if err != nil {
		return nil, nil, err
	}
	limit = &program{
		name: limitName, process: child, address: address, domain: server.limit,
		paths: map[mode]string{modeSend: pathSend, modeIQ: pathIQ, modeCallback: ""}, format: format.XML,
	}
	wait = &program{
		name: waitName, process: child, address: address, domain: server.limit,
		paths: map[mode]string{modeSend: pathWait}, format: format.XML,
	}
	return limit, wait, nil
}

// startBare starts the bare handler.
func startBare(ctx context.Context, server *server) (*program, error) {
	child, address, err := startSelf(ctx, bareCommand)
	if err != nil {
		return nil, err
	}
	return &program{
		name: bareName, process: child, address: address, domain: server.limit,
		paths: map[mode]string{modeSend: pathBare}, format: format.XML,
	}, nil
}

// freeAddress returns a loopback address whose port nobody uses at the moment.
func freeAddress(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
