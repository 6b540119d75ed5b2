package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/restanza/restanza/internal/client"
)

// pile is one of the two places where a gateway has undelivered stanzas.
type pile struct {
	name    string // of the command, and of the path
	short   string
	about   string
	age     string // since when --older-than counts
	action  string // by which they are sent on their way
	does    string // what that does, after "Have …"
	done    string // its past participle
	example string
}

func piles() []pile {
	return []pile{
		{
			name: "deliveries", short: "See and change what waits for a callback", age: "they came in", action: "retry", done: "retried",
			about: "Stanzas that a callback has not accepted yet. The gateway tries them again and again, until it is too late.",
			does:  "tried now",
			example: `  restanza deliveries list --to bot@bot.example.net --older-than 1h
  restanza deliveries show ID
  restanza deliveries retry --all
  restanza deliveries drop --from spammer@example.org`,
		},
		{
			name: "dead-letters", short: "See and change what no callback has accepted in time", age: "they died", action: "replay", done: "replayed",
			about: "Stanzas that no callback has accepted in time. Nobody tries them any more; they are kept for a while.",
			does:  "tried anew, for as long as new stanzas are (max_age)",
			example: `  restanza dead-letters list --error "connection refused"
  restanza dead-letters replay ID
  restanza dead-letters replay --component bot.example.net
  restanza dead-letters drop --older-than 48h`,
		},
	}
}

const (
	allFlag   = "all"
	limitFlag = "limit"
	afterFlag = "after"
)

// filterFlags are the flags that choose deliveries. The API has the same words, with an
// underscore.
func filterFlags(p pile) [][2]string {
	return [][2]string{
		{"component", "domain of the component"},
		{fromFlag, "sender: an address, without its resource, or a domain"},
		{"to", "addressee: an address, without its resource, or a domain"},
		{"kind", "message, presence or iq"},
		{"older-than", "time since " + p.age + ", such as 90s, 30m or 48h"},
		{"before", "time before which " + p.age + ", such as 2026-01-31T12:00:00Z"},
		{"error", "a part of the last error"},
	}
}

// newPile is the command for one of the two places.
func newPile(p process, at pile) *cobra.Command {
	cmd := &cobra.Command{
		Use:   at.name,
		Short: at.short,
		Long:  at.about + "\n\n" + operatorHelp + "\n\n" + clientExitCodes,

		Example: at.example,
		Args:    subcommandOnly,
		RunE:    showHelp,

		SuggestionsMinimumDistance: 2,
	}
	addConnection(cmd)
	addOutput(cmd, sendTimeout)
	cmd.AddCommand(newPileList(p, at), newPileShow(p, at), newPileAction(p, at, at.action), newPileAction(p, at, "drop"))
	return cmd
}

// addFilters gives the command the flags that choose deliveries.
func addFilters(cmd *cobra.Command, at pile) {
	for _, f := range filterFlags(at) {
		cmd.Flags().String(f[0], "", f[1])
		complete := cobra.NoFileCompletions
		if f[0] == "kind" {
			complete = cobra.FixedCompletions([]string{"message", "presence", "iq"}, cobra.ShellCompDirectiveNoFileComp)
		}
		_ = cmd.RegisterFlagCompletionFunc(f[0], complete) // fails for unknown flags only
	}
}

// filters returns the query of the flags that were given.
func filters(cmd *cobra.Command, at pile) (url.Values, error) {
	query := url.Values{}
	for _, f := range filterFlags(at) {
		if !cmd.Flags().Changed(f[0]) {
			continue
		}
		value, _ := cmd.Flags().GetString(f[0]) // fails for unknown flags only
		if value == "" {
			return nil, fmt.Errorf("--%s is empty; leave it out, or say what to choose", f[0])
		}
		query.Set(strings.ReplaceAll(f[0], "-", "_"), value)
	}
	return query, nil
}

func newPileList(p process, at pile) *cobra.Command {
	var limit int
	var after string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List them, the oldest first",
		Long: `Lists them, the oldest first. The age is the time since ` + at.age + `. Control characters are
shown as ` + "\uFFFD" + `. If there are more than --limit, standard error says how to go on.

` + clientExitCodes,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: reporting(func(cmd *cobra.Command, _ []string, r *report) error {
			query, err := filters(cmd, at)
			if err != nil {
				return err
			}
			query.Set(limitFlag, fmt.Sprint(limit))
			if after != "" {
				query.Set(afterFlag, after)
			}
			var list client.Deliveries
			if err := operate(cmd, p, r, client.Order{Method: http.MethodGet, Path: "/" + at.name, Query: query}, &list); err != nil || isJSON(cmd) {
				return err
			}
			if err := printDeliveries(cmd.OutOrStdout(), list.Deliveries, time.Now()); err != nil {
				return atOutput(err)
			}
			if list.Next != "" {
				tell(cmd.ErrOrStderr(), "there are more: --after %s", client.Printable(list.Next))
			}
			return nil
		}),
	}
	addFilters(cmd, at)
	cmd.Flags().IntVar(&limit, limitFlag, 50, "how many, at most 500")
	cmd.Flags().StringVar(&after, afterFlag, "", "go on after this place in the list")
	for _, name := range []string{limitFlag, afterFlag} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions) // fails for unknown flags only
	}
	return cmd
}

func newPileShow(p process, at pile) *cobra.Command {
	var xml bool
	cmd := &cobra.Command{
		Use:               "show ID",
		Short:             "Show one of them, with its stanza and every attempt",
		Long:              "Shows one of them, with its stanza and every attempt to deliver it.\n\n" + clientExitCodes,
		Args:              oneID,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: reporting(func(cmd *cobra.Command, args []string, r *report) error {
			order := client.Order{Method: http.MethodGet, Path: "/" + at.name + "/" + url.PathEscape(args[0]), XML: xml}
			if xml {
				answer, err := obey(cmd, p, r, order)
				r.Stanza = string(answer)
				if err != nil || isJSON(cmd) {
					return err
				}
				return printXML(cmd.OutOrStdout(), r.Stanza)
			}
			var d client.Delivery
			if err := operate(cmd, p, r, order, &d); err != nil || isJSON(cmd) {
				return err
			}
			_, err := io.WriteString(cmd.OutOrStdout(), describeDelivery(&d))
			return atOutput(err)
		}),
	}
	cmd.Flags().BoolVar(&xml, xmlFlag, false, "print the stanza alone, as XML")
	return cmd
}

// newPileAction is the subcommand that retries, replays or drops.
func newPileAction(p process, at pile, action string) *cobra.Command {
	method, path, short, done := http.MethodPost, "/"+at.action, "Have them "+at.does, at.done
	if action == "drop" {
		method, path, short, done = http.MethodDelete, "", "Drop them, for good", "dropped"
	}
	cmd := &cobra.Command{
		Use:   action + " [ID ...]",
		Short: short,
		Long: short + `. They are chosen by their ids or by flags; without either, --all says that all are meant.
Prints how many there were.

` + clientExitCodes,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: reporting(func(cmd *cobra.Command, ids []string, r *report) error {
			orders, err := ordersFor(cmd, at, ids, method, path)
			if err != nil {
				return err
			}
			total := client.Count{}
			for _, order := range orders {
				var one client.Count
				if err := operate(cmd, p, r, order, &one); err != nil {
					return afterSome(err, total.Count, done)
				}
				total.Count += one.Count
			}
			r.Result = total
			if isJSON(cmd) {
				return nil
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d %s\n", total.Count, done)
			return atOutput(err)
		}),
	}
	addFilters(cmd, at)
	cmd.Flags().Bool(allFlag, false, "all of them")
	return cmd
}

// ordersFor returns the requests of a change: one for each id, or one for what flags choose.
func ordersFor(cmd *cobra.Command, at pile, ids []string, method, path string) ([]client.Order, error) {
	query, err := filters(cmd, at)
	if err != nil {
		return nil, err
	}
	all, _ := cmd.Flags().GetBool(allFlag) // fails for unknown flags only
	switch {
	case len(ids) > 0 && (all || len(query) > 0):
		return nil, errors.New("choose by ids or by flags, not by both")
	case all && len(query) > 0:
		return nil, errors.New("--all and another flag choose differently; leave one of them out")
	case all:
		query.Set(allFlag, "true")
	case len(ids) == 0 && len(query) == 0:
		return nil, errors.New("say which ones: by ids, by a flag such as --from, or by --all")
	case len(ids) == 0:
	default:
		orders := make([]client.Order, len(ids))
		for i, id := range ids {
			if err := oneID(cmd, ids[i:i+1]); err != nil {
				return nil, err
			}
			orders[i] = client.Order{Method: method, Path: "/" + at.name + "/" + url.PathEscape(id) + path}
		}
		return orders, nil
	}
	return []client.Order{{Method: method, Path: "/" + at.name + path, Query: query}}, nil
}

// afterSome adds to an error what was done before it.
func afterSome(err error, n int, done string) error {
	if e, ok := errors.AsType[*client.Error](err); ok && n > 0 {
		e.Text = fmt.Sprintf("%s (%d %s before that)", e.Text, n, done)
	}
	return err
}

// operate sends an order, reads its answer, and notes it in the report.
func operate(cmd *cobra.Command, p process, r *report, o client.Order, into any) error {
	answer, err := obey(cmd, p, r, o)
	if err != nil {
		return err
	}
	r.Result = json.RawMessage(answer)
	if err := json.Unmarshal(answer, into); err != nil {
		return &client.Error{Kind: client.Failed, Status: r.Status, Text: "the answer is none of a Restanza"}
	}
	return nil
}

// obey sends an order and returns its answer.
func obey(cmd *cobra.Command, p process, r *report, o client.Order) ([]byte, error) {
	var err error
	if o.Timeout, err = timeoutOf(cmd); err != nil {
		return nil, err
	}
	c, err := connect(cmd, p, operator)
	if err != nil {
		return nil, err
	}
	answer, err := c.Operate(cmd.Context(), o)
	if err != nil {
		return nil, err
	}
	r.Status, r.Millis = answer.Status, float64(answer.Took.Microseconds())/1000
	return answer.Body, nil
}

// oneID takes the id of a delivery.
func oneID(_ *cobra.Command, args []string) error {
	if len(args) != 1 || args[0] == "" {
		return errors.New("say which one, by its id; list shows the ids")
	}
	if strings.Trim(args[0], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != "" {
		return fmt.Errorf("%.40q is no id, which has letters, digits and hyphens; list shows the ids", args[0])
	}
	return nil
}
