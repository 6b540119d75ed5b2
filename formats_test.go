package restanza_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/restanza/restanza/config"
	"github.com/restanza/restanza/internal/xmpptest"
)

// request sends a request with credentials. An empty content type is none.
func (g *gatewayUnderTest) request(method, path, contentType, body string) response {
	g.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, g.url+path, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Authorization", credential)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	r, err := g.do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	return r
}

const formType = "application/x-www-form-urlencoded"

func TestFormats_sending(t *testing.T) {
	eachPeer(t, func(t *testing.T, server xmpptest.Server) {
		g := startGateway(t, server)
		alice := xmpptest.Login(t, server, "alice")
		whole := g.unbroken()

		for name, send := range map[string]func(text string) response{
			"JSON": func(text string) response {
				return g.request("POST", "/rest", jsonType, fmt.Sprintf(`{"to":%q,"type":"chat","body":%q,"xml":[{"name":"x","xmlns":"urn:test"}]}`, alice.Bare(), text))
			},
			"form": func(text string) response {
				return g.request("POST", "/rest", formType, "to="+alice.Bare()+"&type=chat&body="+text)
			},
			"path": func(text string) response {
				return g.request("POST", "/rest/message/chat/"+alice.Bare(), "text/plain", text)
			},
			"curl": func(text string) response {
				return g.request("POST", "/rest/message/chat/"+alice.Bare(), formType, text)
			},
			"query": func(text string) response { return g.request("GET", "/rest?to="+alice.Bare()+"&body="+text, "", "") },
		} {
			t.Run(name, func(t *testing.T) {
				send("by-"+name).want(t, http.StatusAccepted)
				got := alice.With(t).Wait(patience, body("by-"+name))
				if _, kept := got.Child("urn:test", "x"); got.Type != "chat" || kept != (name == "JSON") {
					t.Errorf("arrived as %s", got)
				}
			})
		}
		t.Run("queries", func(t *testing.T) {
			g.request("GET", "/rest/ping/"+server.Host(), "", "").want(t, http.StatusOK, `type="result"`)
			r := g.request("POST", "/rest/iq/disco/"+server.Host(), jsonType, "{}").want(t, http.StatusOK)
			var answer struct {
				Kind, Type string
				Disco      struct {
					Identities []map[string]string
					Features   []string
				}
			}
			if err := json.Unmarshal([]byte(r.body), &answer); err != nil || answer.Type != "result" ||
				len(answer.Disco.Identities) == 0 || len(answer.Disco.Features) == 0 {
				t.Errorf("%v: %s", err, r.body)
			}
			g.request("POST", "/rest", jsonType, fmt.Sprintf(`{"kind":"iq","type":"get","to":%q,"xml":[{"name":"nonsense","xmlns":"urn:test"}]}`, server.Host())).
				want(t, http.StatusOK, `"type":"error"`, "service-unavailable")
		})
		t.Run("a bounce as JSON", func(t *testing.T) {
			g.request("POST", "/rest", jsonType, fmt.Sprintf(`{"to":"ghost@%s","type":"chat","body":"x"}`, server.Host())).
				want(t, http.StatusOK, `"kind":"message"`, `"condition":"service-unavailable"`)
		})
		t.Run("what is wrong breaks nothing", func(t *testing.T) {
			for _, bad := range []string{
				`{"to":"a@b","body":"\u0000"}`, `{"to":"a@b","xml":[{"name":"a><b"}]}`, `{"to":"a@b","xml":["\ufffe"]}`,
				`{"to":"a@b","id":"\u0001"}`, `{"to":"a@b","xml":[{"name":"x","xmlns":"http://www.w3.org/2000/xmlns/"}]}`, `{"to":"a@b","state":"<x/>"}`,
			} {
				g.request("POST", "/rest", jsonType, bad).want(t, http.StatusBadRequest, "pointer")
			}
		})
		whole()
	})
}

func TestFormats_receiving(t *testing.T) {
	eachPeer(t, func(t *testing.T, server xmpptest.Server) {
		g := startGateway(t, server, func(c *config.Config) { c.Components[0].Callback.ContentType = "json" })
		alice := xmpptest.Login(t, server, "alice")
		bob := xmpptest.Login(t, server, "bob")
		bot := "bot@" + g.domain
		whole := g.unbroken()

		t.Run("JSON", func(t *testing.T) {
			g.receiver.Answer(200, jsonType, `{"type":"chat","body":"hi, too"}`)
			alice.SendMessage(bot, "hi")
			c := g.receiver.Wait(patience, posted(`"body":"hi"`))
			var posted struct{ Kind, Type, To, From, Body string }
			if err := json.Unmarshal([]byte(c.Body), &posted); err != nil || posted.Kind != "message" || posted.To != bot || posted.From != alice.JID() {
				t.Errorf("%v: posted %s", err, c.Body)
			}
			if got := c.Header.Get("Content-Type"); got != jsonType {
				t.Errorf("posted as %s", got)
			}
			if got := alice.With(t).Wait(patience, body("hi, too")); got.From != bot || got.Type != "chat" {
				t.Errorf("replied as %s", got)
			}
		})
		t.Run("several replies", func(t *testing.T) {
			g.receiver.Answer(200, jsonType, fmt.Sprintf(`{"xmpp":[{"type":"chat","body":"for you"},{"type":"chat","to":%q,"body":"for bob"}]}`, bob.JID()))
			alice.SendMessage(bot, "tell bob")
			alice.With(t).Wait(patience, body("for you"))
			if got := bob.With(t).Wait(patience, body("for bob")); got.From != bot {
				t.Errorf("bob got %s", got)
			}
		})
		t.Run("an iq", func(t *testing.T) {
			g.receiver.Answer(200, jsonType, `{"kind":"iq","version":{"name":"a bot"}}`)
			got := alice.With(t).Request(patience, "get", "", bot, `<query xmlns="jabber:iq:version"/>`)
			if got.Type != "result" || !strings.Contains(got.Raw, "a bot") {
				t.Errorf("answered %s", got)
			}
		})
		whole()
	})
}

// The answer to the probe goes before the configuration.
func TestFormats_probe(t *testing.T) {
	server := xmpptest.StartFake(t)
	g := launchGateway(t, server, func(c *config.Config) { c.Components[0].Callback.ContentType = "cbor" })
	g.receiver.HandleProbe(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Accept", "text/html, application/json;q=0.5")
	})
	g.waitReady()
	alice := xmpptest.Login(t, server, "alice")
	g.waitUntil("the callback gets JSON", func() bool {
		alice.SendMessage("bot@"+g.domain, "hi")
		return strings.HasPrefix(g.receiver.Next(patience).Body, `{"kind":"message"`)
	})
}
