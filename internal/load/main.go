package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	if child, err := runChild(os.Args[1:]); child {
		exit(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o, err := parseOptions(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		err = run(ctx, o)
	}
	stop()
	exit(err)
}

// exit ends the process, with status 1 for an error.
func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// options are what the flags say.
type options struct {
	servers     []string
	modes       []mode
	connections []int
	programs    []string
	rounds      int
	duration    time.Duration
	gateway     string // path of its binary; empty: built
	queries     int    // outstanding at once, for the measurement of memory
	footprint   bool
	dev         int    // clients of restanza dev; 0: the gateway is measured
	json        string // files to write; empty: none
	markdown    string
}

// parseOptions reads the command line. Usage and errors are printed to w.
func parseOptions(args []string, w io.Writer) (options, error) {
	var (
		o                                     options
		servers, modes, connections, programs string
	)
	f := flag.NewFlagSet("load", flag.ContinueOnError)
	f.SetOutput(w)
	f.StringVar(&servers, "peers", "sink,prosody,ejabberd", "servers to go through")
	f.StringVar(&modes, "modes", "send,iq,callback", "what to measure")
	f.StringVar(&connections, "connections", "1,16,64", "numbers of HTTP connections, or of conversations")
	f.StringVar(&programs, "programs", "gateway,gateway+json,gateway+journal,limit,limit+wait,bare", "programs to measure")
	f.IntVar(&o.rounds, "rounds", 3, "rounds; medians of them are reported")
	f.DurationVar(&o.duration, "duration", 2*time.Second, "of each measurement")
	f.StringVar(&o.gateway, "gateway", "", "path of the gateway's `binary`; built if not given")
	f.IntVar(&o.queries, "outstanding", 10_000, "queries outstanding when memory is measured; 0: that isn't measured")
	f.BoolVar(&o.footprint, "footprint", true, "measure the gateway's memory and start")
	f.IntVar(&o.dev, "dev", 0, "measure restanza dev instead, with that many `clients`")
	f.StringVar(&o.json, "json", "", "`file` for all figures as JSON")
	f.StringVar(&o.markdown, "markdown", "", "`file` for the tables as Markdown")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("what is %q? There are only flags", f.Arg(0))
	}
	var errs [4]error
	o.servers, errs[0] = choice("peers", servers, sinkName, prosodyName, ejabberdName)
	o.programs, errs[1] = choice("programs", programs, gatewayName, jsonName, journalName, limitName, waitName, bareName)
	var names []string
	names, errs[2] = choice("modes", modes, string(modeSend), string(modeIQ), string(modeCallback))
	for _, name := range names {
		o.modes = append(o.modes, mode(name))
	}
	o.connections, errs[3] = connectionCounts(connections)
	return o, errors.Join(append(errs[:], o.check())...)
}

// check refuses what would run for ever, or not at all.
func (o options) check() error {
	if o.rounds < 1 || o.rounds > 100 {
		return errors.New("-rounds must be between 1 and 100")
	}
	if o.duration < 50*time.Millisecond || o.duration > 5*time.Minute {
		return errors.New("-duration must be between 50ms and 5m")
	}
	if o.queries < 0 || o.queries > 20_000 {
		return errors.New("-outstanding must be between 0 and 20000")
	}
	if o.dev < 0 || o.dev > 4_000 {
		return errors.New("-dev must be between 0 and 4000")
	}
	return nil
}

// choice reads a list of names separated by commas.
func choice(name, list string, known ...string) ([]string, error) {
	names := strings.Split(list, ",")
	for _, n := range names {
		if !slices.Contains(known, n) {
			return nil, fmt.Errorf("-%s: %q is none of %s", name, n, strings.Join(known, ", "))
		}
	}
	return names, nil
}

// connectionCounts reads a list of numbers of connections.
func connectionCounts(list string) (counts []int, err error) {
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 1000 {
			return nil, fmt.Errorf("-connections: %q is not a number between 1 and 1000", text)
		}
		counts = append(counts, n)
	}
	return counts, nil
}
