package callback

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/restanza/restanza/stanza"
)

// What comes from elsewhere has its id, its answer goes where it is told, and so do errors.
func TestDeliverAs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, elsewhere := newServer(), newServer()
		var ids []string
		var seen []Exchange
		transport := fake(func(req *http.Request) (*http.Response, error) {
			ids = append(ids, req.Header.Get("webhook-id"))
			return respond(200, "application/xmpp+xml", `<iq type="result"><ok xmlns="urn:test"/></iq>`), nil
		})
		c, stop := begin(t, s, over(transport), func(o *Options) {
			o.Concurrency = 1
			o.Observe = func(x Exchange) { seen = append(seen, x) }
		})
		if !c.DeliverAs("1-a", ping(t, "one"), elsewhere.reply) {
			t.Fatal("not taken")
		}
		if got := elsewhere.next(t); got.ID() != "one" || got.Type() != stanza.Result {
			t.Errorf("answered %s", got)
		}
		if !c.DeliverAs("1-b", ping(t, "two"), nil) {
			t.Fatal("not taken")
		}
		if got := s.next(t); got.ID() != "two" {
			t.Errorf("answered %s", got)
		}
		elsewhere.refuse = func(st stanza.Stanza) error {
			if st.Type() == stanza.Result {
				return errors.New("no")
			}
			return nil
		}
		if !c.DeliverAs("1-c", ping(t, "three"), elsewhere.reply) {
			t.Fatal("not taken")
		}
		if got := elsewhere.next(t); got.ID() != "three" || got.Err() == nil || got.Err().Condition != stanza.InternalServerError {
			t.Errorf("answered %s", got)
		}
		s.nothing(t)
		stop()
		if len(ids) != 3 || len(seen) != 3 || ids[0] != "1-a" || ids[1] != "1-b" || seen[2].ID != "1-c" {
			t.Errorf("posted as %v, observed %v", ids, seen)
		}
		if c.DeliverAs("1-d", ping(t, "four"), elsewhere.reply) {
			t.Error("taken after the end")
		}
	})
}
