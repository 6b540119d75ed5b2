package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
)

// errFaulty says that the figures are not to be trusted; the report names what
// was wrong.
var errFaulty = errors.New("something was lost, doubled or refused, or failed: see the report")

// run measures all that the options ask for, and reports.
func run(ctx context.Context, o options) (err error) {
	dir, err := os.MkdirTemp("", "load-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	isGateway := func(name string) bool { return name == gatewayName || name == jsonName || name == journalName }
	if o.gateway == "" && slices.ContainsFunc(o.programs, isGateway) {
		progress("building the gateway")
		if o.gateway, err = buildGateway(ctx, dir); err != nil {
			return err
		}
	}
	if o.dev > 0 {
		progress("restanza dev")
		f, err := measureDev(ctx, o.gateway, o.rounds, o.dev)
		_, writeErr := os.Stdout.WriteString(f.text())
		return errors.Join(err, writeErr)
	}
	r, err := runAll(ctx, o, dir)
	return errors.Join(err, r.write(o))
}

// runAll measures. The report has what was measured even if there is an error. Journals are
// in dir.
func runAll(ctx context.Context, o options, dir string) (*report, error) {
	r := newReport(o)
	if o.footprint && o.gateway != "" {
		progress("memory and start")
		f, err := measureFootprint(ctx, o.gateway, max(o.rounds, 3), o.queries)
		if err != nil {
			return r, fmt.Errorf("memory and start: %w", err)
		}
		r.Footprint = &f
	}
	for _, name := range o.servers {
		measurements, err := runServer(ctx, o, name, dir)
		r.Measurements = append(r.Measurements, measurements...)
		if err != nil {
			return r, fmt.Errorf("%s: %w", name, err)
		}
	}
	if slices.ContainsFunc(r.Measurements, func(m measurement) bool { return m.faulty() }) {
		return r, errFaulty
	}
	return r, nil
}

// runServer makes all measurements through one server.
func runServer(ctx context.Context, o options, name, dir string) (ms []measurement, err error) {
	progress("starting %s", name)
	err = withServer(ctx, name, func(s *server) (err error) {
		b := &bench{server: s}
		stop, err := b.open(ctx)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, stop()) }()

		programs, err := startPrograms(ctx, o, b, dir)
		defer stopPrograms(programs)
		if err != nil {
			return err
		}
		for _, m := range o.modes {
			for _, connections := range o.connections {
				ms = append(ms, b.rounds(ctx, o, programs, m, connections)...)
			}
		}
		return ctx.Err()
	})
	return ms, err
}

// open connects the receiver and opens the callback. What it returns ends them.
func (b *bench) open(ctx context.Context) (stop func() error, err error) {
	if b.hook, err = listenHook(ctx); err != nil {
		return nil, err
	}
	if b.receiver, err = dialReceiver(ctx, b.server); err != nil {
		return nil, errors.Join(err, b.hook.listener.Close())
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 2)
	go func() { ended <- b.receiver.run() }()
	go func() { ended <- b.hook.serve(ctx) }()
	return func() error {
		cancel()
		b.receiver.component.close()
		return errors.Join(<-ended, <-ended)
	}, nil
}

// rounds measures one mode at one number of connections: all programs in turn, in
// each round, so that what changes over time hits them alike.
func (b *bench) rounds(ctx context.Context, o options, programs []*program, m mode, connections int) (ms []measurement) {
	for round := range o.rounds {
		for _, p := range programs {
			if _, can := p.paths[m]; !can {
				continue
			}
			result := b.measure(ctx, p, m, connections, o.duration)
			if ctx.Err() != nil {
				return ms // what was interrupted counts for nothing
			}
			result.Round = round + 1
			progress("%s", result.line())
			ms = append(ms, result)
		}
	}
	return ms
}

// startPrograms starts what is to be measured, against the bench's server.
func startPrograms(ctx context.Context, o options, b *bench, dir string) (programs []*program, err error) {
	wanted := func(name string) bool { return slices.Contains(o.programs, name) }
	if wanted(gatewayName) || wanted(jsonName) {
		p, _, err := startGateway(ctx, o.gateway, b.server, b.hook.url())
		if err != nil {
			return programs, err
		}
		if wanted(gatewayName) {
			programs = append(programs, p)
		}
		if wanted(jsonName) {
			programs = append(programs, p.inJSON())
		}
	}
	if wanted(journalName) {
		p, err := startJournal(ctx, o.gateway, b.server, b.hook.url(), dir)
		if err != nil {
			return programs, err
		}
		programs = append(programs, p)
	}
	if wanted(limitName) || wanted(waitName) {
		limit, wait, err := startLimit(ctx, b.server, b.hook.url())
		if err != nil {
			return programs, fmt.Errorf("starting the limit: %w", err)
		}
		programs = append(programs, limit)
		if wanted(waitName) {
			programs = append(programs, wait)
		}
	}
	if wanted(bareName) && b.server.name == o.servers[0] { // once is enough: it knows no server
		p, err := startBare(ctx, b.server)
		if err != nil {
			return programs, fmt.Errorf("starting the bare handler: %w", err)
		}
		programs = append(programs, p)
	}
	return programs, nil
}

func stopPrograms(programs []*program) {
	for _, p := range programs {
		p.process.stop() // the gateway and the limit stand there twice, which is all right
	}
}

// progress tells the user what goes on.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}
