package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/restanza/restanza"
	"github.com/restanza/restanza/config"
	"github.com/restanza/restanza/internal/xmpptest"
	"github.com/restanza/restanza/jid"
)

// A gateway with a journal whose XMPP server is down keeps what is sent. The command says so,
// and where it can be followed; --strict makes it fail instead.
func TestSend_queued(t *testing.T) {
	server := xmpptest.StartFake(t)
	server.Kill(t)
	c := config.Default()
	c.HTTP.Listen = "127.0.0.1:0"
	c.Journal.Path = filepath.Join(t.TempDir(), "journal.db")
	component := config.DefaultComponent()
	component.Domain = jid.MustParse(server.ComponentDomain(0))
	component.Server = server.ComponentAddr()
	component.Secret = config.Secret(server.Secret())
	component.Credentials = []config.Credential{{Authorization: bearer, Identity: component.Domain}}
	c.Components = []config.Component{component}
	r, err := restanza.New(restanza.Options{Config: c, Logger: slog.New(slog.DiscardHandler), Version: "test"})
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
	environ := []string{"RESTANZA_URL=http://" + r.Addr(), "RESTANZA_CREDENTIALS=" + bearer}
	to := server.ComponentDomain(1)

	where := "http://" + r.Addr() + "/rest/outbox/"
	for _, args := range [][]string{{"send", to, "1"}, {"send", to, "2", "--async"}, {"send", "--xml", "<message to='" + to + "'><body>3</body></message>"}} {
		got := call(t, "", environ, args...)
		got.expect(t, exitOK, "", "queued: the gateway has no connection to the XMPP server, and sends it when it has; what becomes of it: "+where)
		if strings.Count(got.stderr, "\n") != 1 {
			t.Errorf("%q", got.stderr)
		}
	}
	got := call(t, "", environ, "send", to, "4", "--json")
	got.expect(t, exitOK, `"ok":true`, "")
	var report struct {
		Status int
		Queued string
	}
	if err := json.Unmarshal([]byte(got.stdout), &report); err != nil || report.Status != 202 || !strings.HasPrefix(report.Queued, where) {
		t.Errorf("%s: %v", got.stdout, err)
	}
	call(t, "", environ, "send", to, "5", "--strict").expect(t, exitFailure, "", "restanza: the gateway failed (HTTP 503): service-unavailable")
	call(t, "", environ, "iq", "ping", to).expect(t, exitFailure, "", "(HTTP 503)")

	server.Start(t)
	receiver := xmpptest.DialComponent(t, server, 1)
	for _, text := range []string{"1", "2", "3", "4"} {
		receiver.Wait(10*time.Second, func(s xmpptest.Stanza) bool { return s.Body == text })
	}
}
