package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/restanza/restanza/internal/client"
	"github.com/restanza/restanza/internal/listen"
)

func newTail(p process) *cobra.Command {
	var verbose bool
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Show what comes and goes at a gateway",
		Long: `Shows the stanzas that come and go at a gateway, each in a line, until Ctrl-C. What stands at
the end is what became of it: posted to the gateway's callback, offered to those who read
events, sent, bounced, queued. Looking on changes nothing for anybody.

With --json each line is the event as the gateway has it, a JSON object with the stanza in it. When
the connection is lost it is made again and nothing is left out; standard error says so.

` + connectionHelp + "\n\n" + clientExitCodes,
		Example: `  restanza tail
  restanza tail --since 1h --kind message --from example.net
  restanza tail --json --direction in | jq -r .stanza.body`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              onlooking(func(cmd *cobra.Command) error { return tail(cmd, p, verbose) }),
	}
	addConnection(cmd)
	addEvents(cmd, "both")
	cmd.Flags().Bool(jsonFlag, false, "print events as JSON, one on each line")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "show the XML of each stanza")
	return cmd
}

// tail looks on until a signal, or the end of the command's context.
func tail(cmd *cobra.Command, p process, verbose bool) error {
	if isJSON(cmd) {
		if err := notWith(cmd, jsonFlag, "verbose"); err != nil {
			return err
		}
	}
	c, _, err := connectEvents(cmd, p)
	if err != nil {
		return err
	}
	query := eventQuery(cmd)
	query.Set("watch", "true")
	s := newScreen(cmd.OutOrStdout(), cmd.ErrOrStderr(), p.environ, verbose)
	defer s.close()
	show := s.event
	if isJSON(cmd) {
		show = func(e client.Event) string { return string(e.Raw) + "\n" }
	} else {
		query.Set("format", "xml")
	}
	ctx, stop := endedBySignal(cmd.Context())
	defer stop()
	feed, err := listen.Open(ctx, c, query, s.news())
	if err != nil {
		return unlessEnded(ctx, err)
	}
	defer feed.Close()
	return unlessEnded(ctx, eachEvent(ctx, feed, func(e client.Event) error {
		_, err := io.WriteString(cmd.OutOrStdout(), show(e))
		return atOutput(err)
	}))
}

// eachEvent calls f for each event, until it fails or there are no more. If f takes its time the
// gateway waits.
func eachEvent(ctx context.Context, feed *listen.Feed, f func(client.Event) error) error {
	for {
		e, err := feed.Next(ctx)
		if err == nil {
			err = f(e)
		}
		if err != nil {
			return err
		}
	}
}

// endedBySignal returns a context that ends with a signal to end. A second one ends the
// program by itself.
func endedBySignal(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// unlessEnded returns err, and nil if it is only that ctx has ended.
func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
