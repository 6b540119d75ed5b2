package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/restanza/restanza/internal/xmpptest"
)

// The servers through which the load goes.
const (
	sinkName     = "sink"
	prosodyName  = "prosody"
	ejabberdName = "ejabberd"
)

// silentDomain is that of a component of the sink that answers nothing.
const silentDomain = "silent." + xmpptest.Domain

// server is a running XMPP server.
type server struct {
	name    string
	address string // host:port for components
	secret  string // of every component
	process *process

	gateway, journal, limit, receiver string // domains of the components
}

// withServer starts a server by name, calls use, and ends it.
func withServer(ctx context.Context, name string, use func(*server) error) error {
	if name == sinkName {
		return withSink(ctx, use)
	}
	before, err := children()
	if err != nil {
		return err
	}
	return xmpptest.Run("load", func(tb xmpptest.TB) {
		x := xmpptest.Start(tb, name)
		pid, err := newChild(before)
		if err == nil {
			err = use(&server{
				name: name, address: x.ComponentAddr(), secret: x.Secret(), process: &process{name: name, id: pid},
				gateway: x.ComponentDomain(0), receiver: x.ComponentDomain(1), limit: x.ComponentDomain(2), journal: x.ComponentDomain(3),
			})
		}
		if err != nil {
			tb.Errorf("%w", err)
		}
	})
}

// withSink does the same with the tool's own server.
func withSink(ctx context.Context, use func(*server) error) error {
	child, address, err := startSelf(ctx, sinkCommand)
	if err != nil {
		return err
	}
	defer child.stop()
	return use(&server{
		name: sinkName, address: address, secret: xmpptest.ComponentSecret, process: child,
		gateway: "rest." + xmpptest.Domain, receiver: "load." + xmpptest.Domain, limit: "bridge." + xmpptest.Domain,
		journal: "replacing." + xmpptest.Domain,
	})
}

// newChild returns the one child that the tool has now and had not before.
func newChild(before []int) (int, error) {
	now, err := children()
	if err != nil {
		return 0, err
	}
	known := make(map[int]bool)
	for _, pid := range before {
		known[pid] = true
	}
	var fresh []int
	for _, pid := range now {
		if !known[pid] {
			fresh = append(fresh, pid)
		}
	}
	if len(fresh) != 1 {
		return 0, errors.New("which process is the server? " + fmt.Sprint(fresh))
	}
	return fresh[0], nil
}
