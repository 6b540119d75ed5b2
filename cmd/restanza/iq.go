package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/restanza/restanza/internal/client"
)

func newIQ(p process) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "iq",
		Short: "Ask an XMPP entity something",
		Long: `Sends a query through a gateway and prints the answer.

` + connectionHelp + "\n\n" + clientExitCodes,
		Example: `  restanza iq ping example.net
  restanza iq disco --node config room@rooms.example.net
  restanza iq get bob@example.net --xml '<query xmlns="jabber:iq:last"/>'`,
		Args: subcommandOnly,
		RunE: showHelp,

		SuggestionsMinimumDistance: 2,
	}
	addConnection(cmd)
	cmd.PersistentFlags().String(fromFlag, "", "address to ask as, if the credentials allow it")
	_ = cmd.RegisterFlagCompletionFunc(fromFlag, cobra.NoFileCompletions) // fails for unknown flags only
	addOutput(cmd, iqTimeout)
	for _, q := range client.Queries() {
		cmd.AddCommand(newQuery(p, q))
	}
	cmd.AddCommand(newPayload(p, "get"), newPayload(p, "set"))
	return cmd
}

// newQuery is the subcommand of a query that is known by name.
func newQuery(p process, q client.Query) *cobra.Command {
	var node string
	cmd := &cobra.Command{
		Use:               q.Name + " JID",
		Short:             q.About,
		Long:              q.About + ".\n\n" + clientExitCodes,
		Args:              oneAddress,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: reporting(func(cmd *cobra.Command, args []string, r *report) error {
			answer, err := ask(cmd, p, r, func(from, id string) ([]byte, error) { return q.XML(args[0], from, id, node) })
			if err != nil {
				return err
			}
			result, ok := q.Read(answer)
			if ok {
				r.Result = result
			}
			switch {
			case isJSON(cmd):
				return nil
			case !ok:
				return printXML(cmd.OutOrStdout(), answer.XML)
			}
			_, err = io.WriteString(cmd.OutOrStdout(), readable(q.Name, result))
			return atOutput(err)
		}),
	}
	if q.HasNode {
		cmd.Flags().StringVar(&node, "node", "", "the node that the question is about")
		_ = cmd.RegisterFlagCompletionFunc("node", cobra.NoFileCompletions) // fails for unknown flags only
	}
	return cmd
}

// newPayload is the subcommand of a query whose payload the user writes.
func newPayload(p process, kind string) *cobra.Command {
	var xml string
	cmd := &cobra.Command{
		Use:               kind + " JID",
		Short:             "Send an IQ of type " + kind + " with a payload of your own",
		Long:              "Sends an IQ of type " + kind + " with one element of your own in it, and prints the answer's XML.\n\n" + clientExitCodes,
		Args:              oneAddress,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: reporting(func(cmd *cobra.Command, args []string, r *report) error {
			answer, err := ask(cmd, p, r, func(from, id string) ([]byte, error) {
				text := xml
				if text == standardInput {
					raw, err := readBounded(cmd.InOrStdin(), maxWholeStanza, "standard input")
					if err != nil {
						return nil, err
					}
					text = string(raw)
				}
				return client.Payload(kind, args[0], from, id, text)
			})
			if err != nil || isJSON(cmd) {
				return err
			}
			return printXML(cmd.OutOrStdout(), answer.XML)
		}),
	}
	cmd.Flags().StringVar(&xml, xmlFlag, "", "the payload, one element; - is standard input")
	_ = cmd.MarkFlagRequired(xmlFlag) // these fail for unknown flags only
	_ = cmd.RegisterFlagCompletionFunc(xmlFlag, cobra.NoFileCompletions)
	return cmd
}

// ask posts a query and returns its answer, which is an IQ.
func ask(cmd *cobra.Command, p process, r *report, compose func(from, id string) ([]byte, error)) (client.Answer, error) {
	var answer client.Answer
	timeout, err := timeoutOf(cmd)
	if err != nil {
		return answer, err
	}
	c, err := connect(cmd, p, sender)
	if err != nil {
		return answer, err
	}
	from, _ := cmd.Flags().GetString(fromFlag) // fails for unknown flags only
	id := rand.Text()
	body, err := compose(from, id)
	if err != nil {
		return answer, err
	}
	r.ID = id
	answer, err = c.Post(cmd.Context(), client.Request{Body: body, Timeout: timeout, Strict: true})
	if err != nil {
		return answer, err
	}
	if !answer.Stanza.IsAnswer() {
		return answer, &client.Error{
			Kind: client.Failed, Status: answer.Status, Text: "there is no answer to the query in it",
			Hint: "is there a gateway at " + client.Printable(c.URL()) + "?",
		}
	}
	r.note(answer)
	return answer, nil
}

// readable returns what a result says, line by line.
func readable(query string, r client.Result) string {
	var b strings.Builder
	line := func(format string, args ...any) { b.WriteString(client.Printable(fmt.Sprintf(format, args...)) + "\n") }
	switch query {
	case "ping":
		line("%.1f ms", r.Milliseconds)
	case "version":
		line("%s %s %s", r.Name, r.Version, r.OS)
	case "disco":
		for _, i := range r.Identities {
			line("identity %s/%s %s", i.Category, i.Type, i.Name)
		}
		for _, f := range r.Features {
			line("feature %s", f)
		}
	case "items":
		for _, i := range r.Items {
			b.WriteString(strings.TrimRight(strings.Join([]string{
				client.Printable(i.JID), client.Printable(i.Node), client.Printable(i.Name),
			}, "\t"), "\t") + "\n")
		}
	case "lastactivity":
		if r.Seconds != nil {
			line("%s %s", secondsText(*r.Seconds), r.Status)
		}
	case "time":
		line("%s %s", r.UTC, r.Offset)
	}
	return b.String()
}

// secondsText writes seconds as hours, minutes and seconds, if they are few enough.
func secondsText(n int64) string {
	const century = 100 * 366 * 24 * 60 * 60
	if n < 0 || n > century {
		return fmt.Sprintf("%d seconds", n)
	}
	return (time.Duration(n) * time.Second).String()
}

// oneAddress takes the address of whom to ask.
func oneAddress(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return errors.New("say whom to ask, by one address")
	}
	return nil
}
