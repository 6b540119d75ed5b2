package restanza_test

import (
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/restanza/restanza/config"
	"github.com/restanza/restanza/internal/xmpptest"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/journal"
	"github.com/restanza/restanza/stanza"
)

const operatorCredential = "Bearer operator"

// operated is a gateway with a delivery and a dead letter for a component of another
// gateway, so that nobody tries them.
type operated struct {
	*gatewayUnderTest

	ids map[string]string // by those in the description
}

func startOperated(t *testing.T) *operated {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal.db")
	j, err := journal.Open(journal.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	o := &operated{ids: map[string]string{}}
	received := time.Now().Add(-time.Minute)
	for i, id := range []string{"9f2c51b7d07e4a13-1", "9f2c51b7d07e4a13-2"} {
		st, err := stanza.Parse([]byte(`<message type="chat" id="m1" from="alice@example.org/phone" to="bot.example.net"><body>Hello!</body></message>`))
		if err != nil {
			t.Fatal(err)
		}
		e, err := j.Add(jid.MustParse("bot.example.net"), st, received, received.Add(24*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		e.Attempted(journal.Attempt{
			At: received, Took: 31700 * time.Microsecond, Status: http.StatusServiceUnavailable, Answer: []byte("down for maintenance"), Error: "HTTP 503",
		}, received.Add(10*time.Minute))
		if i == 1 {
			e.Bury("it was not accepted within 24h0m0s")
		}
		o.ids[id] = e.ID()
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	o.gatewayUnderTest = launchGateway(t, xmpptest.StartFake(t), func(c *config.Config) {
		c.Journal.Path, c.HTTP.AdminAuthorization = path, operatorCredential
	})
	return o
}

// operates reports whether an operation is an operator's.
func operates(op *openapi3.Operation) bool {
	return slices.Contains(op.Tags, "operate") || slices.Contains(op.Tags, "tokens")
}

// driveOperator sends an example of an operator's operation. What changes nothing goes to
// the gateway that others share.
func (o *operated) driveOperator(t *testing.T, doc *description, e apiExample, accept string) {
	if e.method != http.MethodGet && e.status == "200" {
		o = startOperated(t)
	}
	for shown, id := range o.ids {
		e.path = strings.ReplaceAll(e.path, shown, id)
	}
	e.header.Set("Authorization", operatorCredential)
	o.drive(t, doc, e, accept)
}
