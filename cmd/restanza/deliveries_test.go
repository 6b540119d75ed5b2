package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza"
	"github.com/restanza/restanza/config"
	"github.com/restanza/restanza/internal/client"
	"github.com/restanza/restanza/internal/xmpptest"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/journal"
	"github.com/restanza/restanza/stanza"
)

const operatorBearer = "Bearer operator-hunter3"

// startOperated runs a gateway with a journal, in which two messages to bot.example.net
// wait and one is a dead letter. It returns their ids and the variables of an operator.
func startOperated(t *testing.T) (ids, environ []string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal.db")
	j, err := journal.Open(journal.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	answer := journal.Attempt{
		Took: 31700 * time.Microsecond, Status: http.StatusServiceUnavailable,
		Answer: []byte("down for \x1b[31mmaintenance\n"), Error: "HTTP 503, Retry-After 10m0s \x1b[2J",
	}
	for i, from := range []string{"alice@example.org/phone", "bob@example.org/desk", "carol@example.com/web"} {
		ids = append(ids, keep(t, j, from, "Ticket 42 &#x9b;31m is open", time.Duration(5-i)*time.Hour, answer, i == 2))
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return ids, serveJournal(t, path)
}

// keep adds a message that came a while ago and was tried twice, the second time with that
// result.
func keep(t *testing.T, j *journal.Journal, from, body string, ago time.Duration, last journal.Attempt, dies bool) (id string) {
	t.Helper()
	st, err := stanza.Parse([]byte(`<message type="chat" id="m1" from="` + from + `" to="bot@bot.example.net"><body>` + body + `</body></message>`))
	if err != nil {
		t.Fatal(err)
	}
	received := time.Now().Add(-ago)
	e, err := j.Add(jid.MustParse("bot.example.net"), st, received, received.Add(24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	e.Attempted(journal.Attempt{At: received, Took: 1200 * time.Microsecond, Error: "connection refused"}, received)
	last.At = received.Add(time.Second)
	e.Attempted(last, time.Now().Add(10*time.Minute))
	if dies {
		e.Bury("it was not accepted within 24h0m0s")
	}
	return e.ID()
}

// serveJournal runs a gateway with the journal of that path, and returns the variables of
// an operator.
func serveJournal(t *testing.T, path string) (environ []string) {
	t.Helper()
	server := xmpptest.StartFake(t)
	c := config.Default()
	c.HTTP.Listen, c.HTTP.AdminAuthorization = "127.0.0.1:0", operatorBearer
	c.Journal.Path = path
	component := config.DefaultComponent()
	component.Domain = jid.MustParse(server.ComponentDomain(0))
	component.Server, component.Secret = server.ComponentAddr(), config.Secret(server.Secret())
	component.Credentials = []config.Credential{{Authorization: bearer, Identity: component.Domain}}
	c.Components = []config.Component{component}
	r, err := restanza.New(restanza.Options{Config: c, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return []string{"RESTANZA_URL=http://" + r.Addr(), "RESTANZA_ADMIN_CREDENTIALS=" + operatorBearer, "RESTANZA_CREDENTIALS=" + bearer}
}

func TestDeliveries_list(t *testing.T) {
	ids, environ := startOperated(t)
	r := call(t, "", environ, "deliveries", "list")
	want := []string{
		"ID AGE FROM → TO KIND ATTEMPTS LAST ERROR",
		ids[0] + " 5h alice@example.org → bot@bot.example.net message 2 HTTP 503, Retry-After 10m0s \uFFFD[2J",
		ids[1] + " 4h bob@example.org → bot@bot.example.net message 2 HTTP 503, Retry-After 10m0s \uFFFD[2J",
	}
	var got []string
	for line := range strings.Lines(r.stdout) {
		got = append(got, strings.Join(strings.Fields(line), " "))
	}
	if diff := cmp.Diff(want, got); diff != "" || r.code != exitOK || r.stderr != "" {
		t.Errorf("exit code %d, %q (-want +got):\n%s", r.code, r.stderr, diff)
	}
	call(t, "", environ, "dead-letters", "list", "--component", "bot.example.net", "--error", "RETRY-AFTER", "--kind", "message").expect(t, exitOK, ids[2], "")
	for _, filter := range []string{"--from=dave@example.org", "--to=bot2@bot.example.net", "--older-than=6h", "--before=2026-01-01T00:00:00Z", "--kind=iq"} {
		call(t, "", environ, "deliveries", "list", filter).expect(t, exitOK, "", "")
	}
	first := call(t, "", environ, "deliveries", "list", "--limit", "1")
	first.expect(t, exitOK, ids[0], "there are more: --after ")
	after := strings.Fields(first.stderr)[4]
	rest := call(t, "", environ, "deliveries", "list", "--limit", "1", "--after", after)
	rest.expect(t, exitOK, ids[1], "")
}

func TestDeliveries_json(t *testing.T) {
	ids, environ := startOperated(t)
	var report struct {
		OK     bool
		Status int
		Stanza string
		Result struct {
			client.Deliveries
			client.Delivery
			client.Count
		}
	}
	read := func(args ...string) {
		t.Helper()
		r := call(t, "", environ, append(args, "--json")...)
		r.expect(t, exitOK, "{", "")
		if err := json.Unmarshal([]byte(r.stdout), &report); err != nil || !report.OK || report.Status != 200 || strings.Count(r.stdout, "\n") != 1 {
			t.Fatalf("%v: %s", err, r.stdout)
		}
	}
	read("deliveries", "list", "--limit", "1")
	if list := report.Result.Deliveries; len(list.Deliveries) != 1 || list.Deliveries[0].ID != ids[0] || list.Next == "" {
		t.Errorf("list: %+v", list)
	}
	read("dead-letters", "show", ids[2])
	if d := report.Result.Delivery; d.ID != ids[2] || d.State != "dead" || len(d.History) != 2 || !strings.Contains(string(d.Stanza), "Ticket 42") {
		t.Errorf("show: %+v", d)
	}
	read("dead-letters", "show", ids[2], "--xml")
	if !strings.Contains(report.Stanza, "<body>Ticket 42") {
		t.Errorf("show --xml: %+v", report)
	}
	read("deliveries", "drop", ids[0], ids[1])
	if report.Result.Count.Count != 2 {
		t.Errorf("drop: %+v", report.Result)
	}
	r := call(t, "", environ, "deliveries", "drop", ids[0], "--json")
	r.expect(t, exitRefused, `"exit_code":3`, "")
}

func TestDeliveries_show(t *testing.T) {
	ids, environ := startOperated(t)
	r := call(t, "", environ, "dead-letters", "show", ids[2])
	passing := regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|` + ids[2])
	const want = `id            …
state         dead
component     bot.example.net
from          carol@example.com
to            bot@bot.example.net
kind          message, 133 bytes
received      …
expires       …
died          …
reason        it was not accepted within 24h0m0s
attempts      2

1. …, no answer after 1.2 ms
   connection refused

2. …, HTTP 503 after 31.7 ms
   HTTP 503, Retry-After 10m0s �[2J
   down for �[31mmaintenance

{
  "kind": "message",
  "type": "chat",
  "id": "m1",
  "from": "carol@example.com/web",
  "to": "bot@bot.example.net",
  "body": "Ticket 42 \u009b31m is open"
}
`
	if diff := cmp.Diff(want, passing.ReplaceAllString(r.stdout, "…")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	call(t, "", environ, "deliveries", "show", ids[0], "--xml").expect(t, exitOK, "<body>Ticket 42 &#x9b;31m is open</body>", "")
}

func TestDeliveries_change(t *testing.T) {
	ids, environ := startOperated(t)
	for _, step := range []struct {
		args []string
		want string
	}{
		{[]string{"deliveries", "retry", ids[0], ids[1]}, "2 retried\n"},
		{[]string{"deliveries", "retry", "--from", "example.org"}, "2 retried\n"},
		{[]string{"deliveries", "retry", "--all"}, "2 retried\n"},
		{[]string{"dead-letters", "replay", "--older-than", "1h"}, "0 replayed\n"}, // it died just now
		{[]string{"dead-letters", "replay", ids[2]}, "1 replayed\n"},
		{[]string{"deliveries", "drop", "--from", "carol@example.com"}, "1 dropped\n"},
		{[]string{"dead-letters", "drop", "--all"}, "0 dropped\n"},
		{[]string{"deliveries", "drop", "--all"}, "2 dropped\n"},
		{[]string{"deliveries", "list"}, ""},
	} {
		if r := call(t, "", environ, step.args...); r.stdout != step.want || r.code != exitOK || r.stderr != "" {
			t.Errorf("%s: %+v", step.args, r)
		}
	}
}

func TestDeliveries_refusals(t *testing.T) {
	ids, environ := startOperated(t)
	url := environ[0]
	for name, test := range map[string]struct {
		environ []string
		code    int
		stderr  string
		args    []string
	}{
		"neither ids nor flags": {environ, exitUsage, "or by --all", []string{"deliveries", "drop"}},
		"both":                  {environ, exitUsage, "not by both", []string{"deliveries", "drop", "x", "--all"}},
		"all and some":          {environ, exitUsage, "leave one of them out", []string{"deliveries", "retry", "--all", "--kind", "iq"}},
		"empty flag":            {environ, exitUsage, "--from is empty", []string{"deliveries", "drop", "--from", ""}},
		"empty id":              {environ, exitUsage, "by its id", []string{"deliveries", "drop", ""}},
		"no id":                 {environ, exitUsage, "by its id", []string{"deliveries", "show"}},
		"up the path":           {environ, exitUsage, "is no id", []string{"deliveries", "drop", "x/../y"}},
		"no such command":       {environ, exitUsage, `unknown command "replay"`, []string{"deliveries", "replay"}},
		"bad kind":              {environ, exitRefused, "message, presence and iq", []string{"deliveries", "list", "--kind", "chat"}},
		"bad limit":             {environ, exitRefused, "1 to 500", []string{"deliveries", "list", "--limit", "501"}},
		"not there":             {environ, exitRefused, "nothing with this id is here", []string{"deliveries", "show", "nothing"}},
		"elsewhere":             {environ, exitRefused, "it is at /dead-letters/", []string{"deliveries", "show", ids[2]}},
		"after some":            {environ, exitRefused, "(1 retried before that)", []string{"deliveries", "retry", ids[0], "nothing"}},
		"no credentials":        {[]string{url, environ[2]}, exitRefused, "RESTANZA_ADMIN_CREDENTIALS", []string{"deliveries", "list"}},
		"of a sender":           {[]string{url, "RESTANZA_ADMIN_CREDENTIALS=" + bearer}, exitRefused, "http.admin_authorization", []string{"dead-letters", "list"}},
		"nobody there":          {environ[1:], exitFailure, "nobody listens at", []string{"deliveries", "list", "--url", "http://127.0.0.1:1"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := call(t, "", test.environ, test.args...)
			r.expect(t, test.code, "", test.stderr)
			if strings.Contains(r.stderr, "hunter") {
				t.Errorf("%s", r.stderr)
			}
		})
	}
	call(t, "", environ, "send", "bob@example.org", "x", "--credentials", operatorBearer).expect(t, exitRefused, "", "not for sending")
	call(t, "", serveJournal(t, config.NoJournal), "deliveries", "list").expect(t, exitRefused, "", "the gateway has no journal")
	answer(t, http.StatusOK, "<message/>", "deliveries", "list").expect(t, exitFailure, "", "the answer is none of a Restanza")
	answer(t, http.StatusNotFound, "", "deliveries", "list").expect(t, exitRefused, "", "is there a Restanza at")
}

func TestDeliveries_clientFile(t *testing.T) {
	ids, environ := startOperated(t)
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "restanza"), 0o700); err != nil {
		t.Fatal(err)
	}
	text := `url = "` + strings.TrimPrefix(environ[0], "RESTANZA_URL=") + "\"\nadmin_credentials = \"" + operatorBearer + "\"\n"
	if err := os.WriteFile(filepath.Join(dir, "restanza", "client.toml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr strings.Builder
	p := process{args: []string{"deliveries", "list"}, configDir: dir, stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr}
	if code := run(t.Context(), p); code != exitOK || !strings.Contains(stdout.String(), ids[0]) {
		t.Errorf("%d %s %s", code, stdout.String(), stderr.String())
	}
	p.args = []string{"send", "bob@example.org", "x"} // that credential is for something else
	if code := run(t.Context(), p); code != exitRefused || !strings.Contains(stderr.String(), "401") {
		t.Errorf("%d %s", code, stderr.String())
	}
}
