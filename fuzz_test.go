package restanza_test

import (
	"net/http"
	"testing"

	"github.com/restanza/restanza/internal/xmpptest"
)

// FuzzPost states that nothing that a caller posts ends the stream: the scripted
// server, which is as strict as Prosody, still has the same connection after each
// request, and the gateway never answers that the fault is its own.
func FuzzPost(f *testing.F) {
	for _, seed := range mutationSeeds("alice@" + xmpptest.Domain) {
		f.Add([]byte(seed))
	}
	for _, part := range mutationParts {
		f.Add([]byte(`<message to="alice@` + xmpptest.Domain + `"` + part + `><body>` + part + `</body></message>`))
	}
	server := xmpptest.StartFake(f)
	g := startGateway(f, server)
	f.Fuzz(func(t *testing.T, doc []byte) {
		r, err := g.tryPost(t.Context(), string(doc), "Prefer: wait=1")
		if err != nil {
			t.Fatal(err)
		}
		if r.status == http.StatusInternalServerError || r.status == http.StatusServiceUnavailable {
			t.Errorf("%q: status %d: %s", doc, r.status, r.body)
		}
		if n := server.Handshakes(g.domain); n != 1 {
			t.Fatalf("%q: the server has seen %d handshakes, so the link was broken", doc, n)
		}
	})
}
