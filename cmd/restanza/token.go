package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/restanza/restanza/internal/client"
)

// newToken is the command for credentials that are made while a gateway runs.
func newToken(p process) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Make, list and revoke credentials of a running gateway",
		Long: `Tokens are credentials that are made while a gateway runs, each for what it is needed and
nothing else.

` + operatorHelp + "\n\n" + clientExitCodes,

		Example: `  restanza token create --name backup --rights send --to admin@example.org --expires 90d --rate 10/m
  restanza token create --name bot --rights send,receive --identity bot1@bot.example.net
  restanza token list
  restanza token revoke ID`,
		Args: subcommandOnly,
		RunE: showHelp,

		SuggestionsMinimumDistance: 2,
	}
	addConnection(cmd)
	addOutput(cmd, sendTimeout)
	cmd.AddCommand(newTokenCreate(p), newTokenList(p), newTokenRevoke(p))
	return cmd
}

func newTokenCreate(p process) *cobra.Command {
	var t client.NewToken
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make a token, and print it",
		Long: `Makes a token and prints it, once and for all: nobody can show it again. Callers send it as
"Authorization: Bearer rst_…". Standard error has its id.

` + clientExitCodes,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: reporting(func(cmd *cobra.Command, _ []string, r *report) error {
			switch {
			case t.Name == "":
				return errors.New("--name is missing; say what the token is for")
			case len(t.Rights) == 0:
				return errors.New("--rights is missing; name some of send, receive, iq and admin")
			case cmd.Flags().Changed("burst") && t.Burst < 1:
				return errors.New("--burst: a number from 1 is wanted")
			}
			body, err := json.Marshal(t)
			if err != nil {
				return err
			}
			var made client.Token
			if err := operate(cmd, p, r, client.Order{Method: http.MethodPost, Path: tokensPath, Body: body}, &made); err != nil || isJSON(cmd) {
				return err
			}
			tell(cmd.ErrOrStderr(), "made the token %s; it is shown only now", client.Printable(made.ID))
			_, err = io.WriteString(cmd.OutOrStdout(), client.Printable(made.Token)+"\n")
			return atOutput(err)
		}),
	}
	flags := cmd.Flags()
	flags.StringVar(&t.Name, "name", "", "what it is for; several may have the same name")
	flags.StringSliceVar(&t.Rights, "rights", nil, "what it may do: send, receive, iq, admin")
	flags.StringVar(&t.Identity, "identity", "", "address that it stands for; the component's domain unless given")
	flags.StringVar(&t.Component, "component", "", "domain of the component; needed if there are several and no identity")
	flags.StringArrayVar(&t.To, "to", nil, "where it may send to: an address, a domain, or *.example.org; may be repeated (default anywhere)")
	flags.StringSliceVar(&t.Kinds, "kind", nil, "kinds of stanzas: message, presence, iq (default all)")
	flags.StringVar(&t.Expires, "expires", "", "a time such as 90d, 12h or 2026-12-31T12:00:00Z (default never)")
	flags.StringSliceVar(&t.Networks, "network", nil, "where it may be used from, such as 192.0.2.0/24; may be repeated (default anywhere)")
	flags.StringVar(&t.Rate, "rate", "", "how often it may be used, such as 5/s, 60/m or 1000/h (default as often as you like)")
	flags.IntVar(&t.Burst, "burst", 0, "how often it may be used at once; as often as the rate says unless given")
	flags.BoolVar(&t.InQuery, "in-query", false, "let callers show it in the URL as well")
	for _, name := range []string{"name", "identity", "component", "to", "expires", "network", "rate", "burst"} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions) // these fail for unknown flags only
	}
	_ = cmd.RegisterFlagCompletionFunc("rights", cobra.FixedCompletions([]string{"send", "receive", "iq", "admin"}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions([]string{"message", "presence", "iq"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// tokensPath is where a gateway has its tokens.
const tokensPath = "/tokens"

func newTokenList(p process) *cobra.Command {
	var limit int
	var after, name, component string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the tokens, the oldest first",
		Long: `Lists the tokens, the oldest first, and those that have ended within a month. What they are is
not shown, and nobody knows it. If there are more than --limit, standard error says how to go on.

` + clientExitCodes,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: reporting(func(cmd *cobra.Command, _ []string, r *report) error {
			query := url.Values{limitFlag: {fmt.Sprint(limit)}}
			for key, value := range map[string]string{afterFlag: after, "name": name, "component": component} {
				if value != "" {
					query.Set(key, value)
				}
			}
			var list client.Tokens
			if err := operate(cmd, p, r, client.Order{Method: http.MethodGet, Path: tokensPath, Query: query}, &list); err != nil || isJSON(cmd) {
				return err
			}
			if err := printTokens(cmd.OutOrStdout(), list.Tokens, time.Now()); err != nil {
				return atOutput(err)
			}
			if list.Next != "" {
				tell(cmd.ErrOrStderr(), "there are more: --after %s", client.Printable(list.Next))
			}
			return nil
		}),
	}
	cmd.Flags().IntVar(&limit, limitFlag, 50, "how many, at most 500")
	cmd.Flags().StringVar(&after, afterFlag, "", "go on after this place in the list")
	cmd.Flags().StringVar(&name, "name", "", "those of that name")
	cmd.Flags().StringVar(&component, "component", "", "those of that component")
	for _, name := range []string{limitFlag, afterFlag, "name", "component"} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions) // fails for unknown flags only
	}
	return cmd
}

func newTokenRevoke(p process) *cobra.Command {
	return &cobra.Command{
		Use:   "revoke ID ...",
		Short: "Revoke tokens, at once and for good",
		Long: `Revokes tokens by their ids, at once and for good. What is being read with them ends.

` + clientExitCodes,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: reporting(func(cmd *cobra.Command, ids []string, r *report) error {
			for i := range max(len(ids), 1) {
				if err := oneID(cmd, ids[min(i, len(ids)):min(i+1, len(ids))]); err != nil {
					return err
				}
			}
			revoked := make([]client.Token, len(ids))
			for i, id := range ids {
				order := client.Order{Method: http.MethodDelete, Path: tokensPath + "/" + url.PathEscape(id)}
				if err := operate(cmd, p, r, order, &revoked[i]); err != nil {
					return afterSome(err, i, "revoked")
				}
			}
			r.Result = client.Count{Count: len(ids)}
			if isJSON(cmd) {
				return nil
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "%d revoked\n", len(ids))
			return atOutput(err)
		}),
	}
}

// printTokens writes a table for people; nothing if it were empty.
func printTokens(w io.Writer, list []client.Token, now time.Time) error {
	if len(list) == 0 {
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "ID\tNAME\tSTATE\tIDENTITY\tRIGHTS\tBOUNDS\tUSED") // Flush tells of errors
	for i := range list {
		d := &list[i]
		used := "never"
		if !d.LastUsed.IsZero() {
			used = ageText(now.Sub(d.LastUsed)) + " ago"
		}
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", client.Printable(d.ID), client.Printable(d.Name), client.Printable(d.State),
			client.Printable(d.Identity), client.Printable(strings.Join(d.Rights, ",")), client.Printable(tokenBounds(d)), used)
	}
	return t.Flush()
}

// tokenBounds says in a few words what bounds a token.
func tokenBounds(d *client.Token) string {
	var parts []string
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, name+" "+value)
		}
	}
	add("to", strings.Join(d.To, ","))
	add("kinds", strings.Join(d.Kinds, ","))
	add("from", strings.Join(d.Networks, ","))
	add("rate", d.Rate)
	if !d.Expires.IsZero() {
		add("until", d.Expires.UTC().Format(time.RFC3339))
	}
	if d.InQuery {
		parts = append(parts, "in the query")
	}
	return strings.Join(parts, "; ")
}
