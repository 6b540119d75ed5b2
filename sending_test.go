package restanza_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/restanza/restanza/config"
	"github.com/restanza/restanza/internal/xmpptest"
	"github.com/restanza/restanza/jid"
)

func TestSending(t *testing.T) {
	eachPeer(t, func(t *testing.T, server xmpptest.Server) {
		g := startGateway(t, server)
		alice := xmpptest.Login(t, server, "alice")
		whole := g.unbroken()

		t.Run("a message arrives", func(t *testing.T) {
			r := g.post(message(alice.Bare(), "Hello!")).want(t, http.StatusAccepted)
			if r.body != "" || r.header.Get("Content-Type") != "" {
				t.Errorf("202 with the body %q of type %q, want none", r.body, r.header.Get("Content-Type"))
			}
			got := alice.With(t).Wait(patience, body("Hello!"))
			if got.From != g.domain || got.Type != "chat" || len(got.ID) != 24 {
				t.Errorf("arrived as %s", got)
			}
		})
		t.Run("a sender in capitals is normalised", func(t *testing.T) {
			g.post(fmt.Sprintf(`<message to="%s" from="Bot@%s/Home"><body>caps</body></message>`, alice.Bare(), strings.ToUpper(g.domain))).want(t, http.StatusAccepted)
			if got := alice.With(t).Wait(patience, body("caps")); got.From != "bot@"+g.domain+"/Home" {
				t.Errorf("from %q", got.From)
			}
		})
		t.Run("children arrive as they were", func(t *testing.T) {
			g.post(`<message xmlns:q="urn:q" to="`+alice.Bare()+`" id="kids" other="gone"><body>a &amp; &lt;b&gt; &#x1F600;<![CDATA[<c>]]></body>`+
				`<q:x q:y="1"><z xmlns="urn:z">deep</z></q:x></message>`).want(t, http.StatusAccepted)
			got := alice.With(t).Wait(patience, withID("kids"))
			if got.Body != "a & <b> 😀<c>" || strings.Contains(got.Raw, "gone") {
				t.Errorf("arrived as %s", got)
			}
			x, ok := got.Child("urn:q", "x")
			if _, deep := x.Child("urn:z", "z"); !ok || !deep {
				t.Errorf("the payload arrived as %s", got)
			}
		})
		t.Run("presence", func(t *testing.T) {
			g.post(`<presence to="`+alice.Bare()+`" from="bot@`+g.domain+`"><status>here</status></presence>`).want(t, http.StatusAccepted)
			alice.With(t).Wait(patience, func(s xmpptest.Stanza) bool {
				return s.Name == "presence" && s.From == "bot@"+g.domain
			})
		})
		t.Run("respond-async", func(t *testing.T) {
			r := g.post(message(alice.Bare(), "async"), "Prefer: respond-async").want(t, http.StatusAccepted)
			if got := r.header.Get("Preference-Applied"); got != "respond-async" {
				t.Errorf("Preference-Applied: %q", got)
			}
			alice.With(t).Wait(patience, body("async"))
		})
		whole()
	})
}

// The local server's error for a message is the response, and does not go to the
// callback; an error that comes later does.
func TestSending_bounces(t *testing.T) {
	eachPeer(t, func(t *testing.T, server xmpptest.Server) {
		g := startGateway(t, server)
		ghost := "nobody@" + server.Host()
		r := g.post(`<message type="chat" id="b1" to="`+ghost+`"><body>x</body></message>`).want(t, http.StatusOK, "service-unavailable", `id="b1"`, `type="error"`)
		if got := r.header.Get("Content-Type"); got != mediaType {
			t.Errorf("Content-Type %q", got)
		}
		strict := g.post(message(ghost, "x"), "Prefer: handling=strict").want(t, http.StatusServiceUnavailable, "service-unavailable")
		if got := strict.header.Get("Preference-Applied"); got != "handling=strict" {
			t.Errorf("Preference-Applied: %q", got)
		}
		// Two hundred at once: each caller gets its own error.
		var wait sync.WaitGroup
		for i := range 200 {
			wait.Go(func() {
				id := fmt.Sprintf("many%d", i)
				r, err := g.tryPost(t.Context(), `<message id="`+id+`" to="`+ghost+`"><body>x</body></message>`)
				if err != nil || r.status != http.StatusOK || !strings.Contains(r.body, `id="`+id+`"`) {
					t.Errorf("%s: %v %d %s", id, err, r.status, r.body)
				}
			})
		}
		wait.Wait()

		// Nobody waits for the error of what was sent asynchronously.
		g.post(`<message id="async" to="`+ghost+`"><body>x</body></message>`, "Prefer: respond-async").want(t, http.StatusAccepted)
		g.receiver.Wait(patience, posted(`id="async"`, "service-unavailable"))

		alice := xmpptest.Login(t, server, "alice")
		g.post(`<message id="late" type="chat" to="`+alice.JID()+`"><body>fail later</body></message>`).want(t, http.StatusAccepted)
		alice.Wait(patience, body("fail later"))
		alice.Send(`<message type="error" id="late" to="` + g.domain + `"><error type="cancel"><not-acceptable xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></message>`)
		g.receiver.Wait(patience, posted(`id="late"`, "not-acceptable"))
		for _, c := range g.receiver.All() {
			if strings.Contains(c.Body, ghost) && !strings.Contains(c.Body, `id="async"`) {
				t.Errorf("a bounce went to the callback as well: %s", c.Body)
			}
		}
	})
}

func TestQueries(t *testing.T) {
	eachPeer(t, func(t *testing.T, server xmpptest.Server) {
		g := startGateway(t, server)
		whole := g.unbroken()
		other := xmpptest.DialComponent(t, server, 1)
		other.Handle(answerQueries(other))
		query := func(id, node string) string {
			return fmt.Sprintf(`<iq type="get" id="%s" to="%s"><query xmlns="urn:test" node="%s"/></iq>`, id, other.Domain(), node)
		}

		t.Run("the server answers a ping", func(t *testing.T) {
			g.post(`<iq type="get" to="`+server.Host()+`"><ping xmlns="urn:xmpp:ping"/></iq>`).want(t, http.StatusOK, `type="result"`)
		})
		t.Run("result", func(t *testing.T) {
			g.post(query("r", "result")).want(t, http.StatusOK, `type="result"`, `id="r"`, "urn:test:answer")
		})
		t.Run("error", func(t *testing.T) {
			g.post(query("e", "error")).want(t, http.StatusOK, `type="error"`, "item-not-found")
		})
		t.Run("error, strictly", func(t *testing.T) {
			g.post(query("s", "error"), "Prefer: handling=strict").want(t, http.StatusNotFound, "item-not-found")
		})
		t.Run("no answer in time", func(t *testing.T) {
			for _, header := range []string{"Prefer: wait=1", "Prosody-Rest-Timeout: 0.2"} {
				g.post(query("t", "silence"), header).want(t, http.StatusGatewayTimeout, "remote-server-timeout")
			}
		})
		t.Run("set", func(t *testing.T) {
			g.post(strings.Replace(query("set", "result"), `"get"`, `"set"`, 1)).want(t, http.StatusOK, `type="result"`)
		})
		t.Run("an id in use", func(t *testing.T) {
			first := make(chan response, 1)
			go func() {
				r, _ := g.tryPost(t.Context(), query("dup", "late"))
				first <- r
			}()
			g.waitUntil("the query is outstanding", func() bool { return g.outstanding() == 1 })
			g.post(query("dup", "result")).want(t, http.StatusConflict, "conflict")
			(<-first).want(t, http.StatusOK, `id="dup"`)
		})
		t.Run("a caller that hangs up", func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() {
				_, err := g.tryPost(ctx, query("gone", "silence"))
				done <- err
			}()
			g.waitUntil("the query is outstanding", func() bool { return g.outstanding() == 1 })
			cancel()
			if err := <-done; err == nil {
				t.Error("the request was answered")
			}
			g.waitUntil("its place is free", func() bool { return g.outstanding() == 0 })
		})
		t.Run("the gateway's own domain, round to the callback", func(t *testing.T) {
			g.receiver.Answer(200, mediaType, `<iq type="result"><mine xmlns="urn:test"/></iq>`)
			defer g.receiver.Handle(nil)
			g.post(`<iq type="get" id="own" from="bot@`+g.domain+`" to="`+g.domain+`"><query xmlns="urn:test"/></iq>`).want(t, http.StatusOK, "mine", `id="own"`)
		})
		t.Run("an answer from elsewhere goes to the callback", func(t *testing.T) {
			spoofed := make(chan response, 1)
			go func() {
				r, _ := g.tryPost(t.Context(), query("spoof", "silence"), "Prefer: wait=3")
				spoofed <- r
			}()
			g.waitUntil("the query is outstanding", func() bool { return g.outstanding() == 1 })
			other.Send(fmt.Sprintf(`<iq type="result" id="spoof" from="x@%s" to="%s"/>`, other.Domain(), g.domain))
			g.receiver.Wait(patience, posted(`id="spoof"`, "x@"))
			(<-spoofed).want(t, http.StatusGatewayTimeout)
		})
		whole()
	})
}

// answerQueries makes a component answer as the query's node says.
func answerQueries(c *xmpptest.Component) func(xmpptest.Stanza) {
	return func(s xmpptest.Stanza) {
		if s.Name != "iq" || s.Type != "get" && s.Type != "set" {
			return
		}
		query, _ := s.Child("urn:test", "query")
		answer := fmt.Sprintf(`<iq type="result" id="%s" from="%s" to="%s"><answer xmlns="urn:test:answer"/></iq>`, s.ID, s.To, s.From)
		switch query.Attr("node") {
		case "silence":
			return
		case "error":
			answer = fmt.Sprintf(`<iq type="error" id="%s" from="%s" to="%s"><error type="cancel"><item-not-found xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></iq>`, s.ID, s.To, s.From)
		case "late":
			time.AfterFunc(time.Second, func() { _ = c.TrySend(answer) }) // fails only if the test is over
			return
		}
		_ = c.TrySend(answer) // likewise
	}
}

// Ten thousand callers wait at the same time, each on a connection of its own, and
// each gets its own answer. The gateway is a process of its own here, because
// both ends of the connections are more than one may open.
func TestQueries_tenThousandAtOnce(t *testing.T) {
	const n = 10_000
	command := buildCommand(t)
	eachPeer(t, func(t *testing.T, server xmpptest.Server) {
		g := &gatewayUnderTest{t: t, server: server, domain: server.ComponentDomain(0), client: &http.Client{Transport: &http.Transport{}}}
		listen := xmpptest.FreeAddr(t)
		g.url = "http://" + listen
		startCommand(t, fmt.Sprintf("%s serve --component %s --server %s --secret '%s' --credentials '%s' --listen %s",
			command, g.domain, server.ComponentAddr(), server.Secret(), credential, listen))
		t.Cleanup(g.client.CloseIdleConnections)
		awaitReady(t, g.url+"/readyz")
		whole := g.unbroken()

		other := xmpptest.DialComponent(t, server, 1)
		asked := make(chan xmpptest.Stanza, n)
		other.Handle(func(s xmpptest.Stanza) {
			if s.Name == "iq" && s.Type == "get" {
				asked <- s
			}
		})
		var wait sync.WaitGroup
		for i := range n {
			wait.Go(func() {
				id := fmt.Sprintf("q%d", i)
				r, err := g.tryPost(t.Context(), fmt.Sprintf(`<iq type="get" id="%s" to="%s"><query xmlns="urn:test"/></iq>`, id, other.Domain()))
				if err != nil || r.status != http.StatusOK || !strings.Contains(r.body, `id="`+id+`"`) {
					t.Errorf("%s: %v %d %s", id, err, r.status, r.body)
				}
			})
		}
		queries := make([]xmpptest.Stanza, 0, n)
		for limit := time.After(90 * time.Second); len(queries) < n; {
			select {
			case s := <-asked:
				queries = append(queries, s)
			case <-limit:
				t.Fatalf("%d of %d queries have arrived", len(queries), n)
			}
		}
		if got := g.outstanding(); got != n {
			t.Errorf("%v queries outstanding, want %d", got, n)
		}
		checkHeldMemory(g)
		for _, s := range slices.Backward(queries) { // the last one first
			other.Send(fmt.Sprintf(`<iq type="result" id="%s" from="%s" to="%s"/>`, s.ID, s.To, s.From))
		}
		wait.Wait()
		whole()
	})
}

// checkHeldMemory fails if 10,000 queries that wait take more memory than they
// need: 10 KB of buffers and two small stacks each are net/http's. A stack that
// has grown from 4 to 8 KB on the way of a request shows here.
func checkHeldMemory(g *gatewayUnderTest) {
	g.t.Helper()
	const mostStacks, most = 80e6, 220e6
	if got := g.metric("go_memstats_stack_inuse_bytes"); got > mostStacks {
		g.t.Errorf("the stacks take %.0f MB, want at most %.0f: some frame between ServeHTTP and the wait has grown", got/1e6, mostStacks/1e6)
	}
	if got := g.metric("process_resident_memory_bytes"); got > most {
		g.t.Errorf("%.0f MB are resident, want at most %.0f", got/1e6, most/1e6)
	}
}

// Several components in one process are told apart by their credentials, and a
// credential may be bound to one address.
func TestSending_severalComponents(t *testing.T) {
	eachPeer(t, func(t *testing.T, server xmpptest.Server) {
		second := xmpptest.NewReceiver(t)
		g := startGateway(t, server, func(c *config.Config) {
			bridge := c.Components[0]
			bridge.Domain = jid.MustParse(server.ComponentDomain(2))
			bot := jid.MustParse("bot@" + server.ComponentDomain(2))
			bridge.Credentials = []config.Credential{{Authorization: "Bearer bridge", Identity: bot}}
			bridge.Callback.URL = config.Secret(second.URL() + "/{kind}/{type}?from={from}&to={to}")
			c.Components = append(c.Components, bridge)
		})
		alice := xmpptest.Login(t, server, "alice")
		const asBridge = "Authorization: Bearer bridge"

		g.post(message(alice.Bare(), "from the bridge"), asBridge).want(t, http.StatusAccepted)
		if got := alice.Wait(patience, body("from the bridge")); got.From != "bot@"+server.ComponentDomain(2) {
			t.Errorf("from %q, want the credential's address", got.From)
		}
		for _, from := range []string{g.domain, server.ComponentDomain(2), "other@" + server.ComponentDomain(2)} {
			g.post(`<message to="`+alice.Bare()+`" from="`+from+`"/>`, asBridge).want(t, http.StatusForbidden)
		}
		alice.SendMessage("bot@"+server.ComponentDomain(2), "to the bridge")
		c := second.Wait(patience, posted("to the bridge"))
		want := "/message/chat?from=" + percent(alice.JID()) + "&to=bot%40" + server.ComponentDomain(2)
		if c.Path != want {
			t.Errorf("posted to %s, want %s", c.Path, want)
		}
		for _, c := range g.receiver.All() {
			t.Errorf("the other component's callback got %s", c.Body)
		}
	})
}

// percent encodes what a placeholder of a callback URL stands for.
func percent(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(".~_-", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02x", c)
	}
	return b.String()
}
