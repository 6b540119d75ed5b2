package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
)

// The tool's own subcommands: what must be a process of its own.
const (
	sinkCommand  = "child-sink"
	limitCommand = "child-limit" // server, domain, secret, callback URL
	bareCommand  = "child-bare"
)

// runChild runs one of them until standard input ends, which it does with the
// tool. It reports false if it isn't a subcommand.
func runChild(args []string) (bool, error) {
	if len(args) == 0 {
		return false, nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // its end is what counts, whatever the reason
		cancel()
	}()
	switch {
	case args[0] == sinkCommand:
		return true, childListen(ctx, newSink().serve)
	case args[0] == bareCommand:
		return true, childListen(ctx, func(ctx context.Context, l net.Listener) error {
			return serveHTTP(ctx, l, bareHandler())
		})
	case args[0] == limitCommand && len(args) == 5:
		return true, childLimit(ctx, args[1], args[2], args[3], args[4])
	}
	return false, nil
}

func childLimit(ctx context.Context, server, domain, secret, callback string) error {
	c, err := dialComponent(ctx, server, domain, secret)
	if err != nil {
		return err
	}
	defer c.close()
	l := newLimit(c, callback)
	ended := make(chan error, 1)
	go func() { ended <- l.run(ctx) }()
	return errors.Join(
		childListen(ctx, func(ctx context.Context, listener net.Listener) error {
			return serveHTTP(ctx, listener, l.handler())
		}),
		endOf(c, ended),
	)
}

// endOf closes a component and waits until its stream has been worked off.
func endOf(c *component, ended <-chan error) error {
	c.close()
	return <-ended
}

// childListen opens a port, tells the parent, and serves it.
func childListen(ctx context.Context, serve func(context.Context, net.Listener) error) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if _, err := fmt.Println(listening + l.Addr().String()); err != nil {
		return err
	}
	return serve(ctx, l)
}

// serveHTTP serves a handler until ctx ends.
func serveHTTP(ctx context.Context, l net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler}                      //nolint:gosec // its only client is the tool
	stop := context.AfterFunc(ctx, func() { _ = server.Close() }) // nobody is left to wait for
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
