package restanza_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/restanza/restanza/config"
	"github.com/restanza/restanza/internal/xmpptest"
)

const stanzaErrors = "urn:ietf:params:xml:ns:xmpp-stanzas"

func TestReceiving(t *testing.T) {
	eachPeer(t, func(t *testing.T, server xmpptest.Server) {
		g := startGateway(t, server)
		alice := xmpptest.Login(t, server, "alice")
		bot := "bot@" + g.domain
		whole := g.unbroken()

		t.Run("the request", func(t *testing.T) {
			if probe := g.receiver.WaitProbe(patience); probe.Path != "/" {
				t.Errorf("probed %s", probe.Path)
			}
			alice.Send(`<message type="chat" id="in1" to="` + bot + `" xml:lang="de"><body>Hallo</body></message>`)
			c := g.receiver.Wait(patience, posted("Hallo"))
			if c.Method != http.MethodPost || c.Header.Get("Content-Type") != mediaType || c.Header.Get("Content-Language") != "de" {
				t.Errorf("%s with %v", c.Method, c.Header)
			}
			if !strings.HasPrefix(c.Body, "<message ") || strings.Contains(c.Body, "jabber:") {
				t.Errorf("posted %s", c.Body)
			}
		})
		t.Run("a stanza in answer", func(t *testing.T) {
			g.receiver.Answer(200, mediaType, `<message to="elsewhere@example.org" from="x" type="chat"><body>Yes this is bot</body></message>`)
			alice.SendMessage(bot, "who?")
			if got := alice.With(t).Wait(patience, body("Yes this is bot")); got.From != bot || got.To != alice.JID() || got.Type != "chat" {
				t.Errorf("replied as %s", got)
			}
		})
		t.Run("text in answer", func(t *testing.T) {
			g.receiver.Answer(200, "text/plain; charset=utf-8", "plain & simple")
			alice.SendMessage(bot, "text?")
			if got := alice.With(t).Wait(patience, body("plain & simple")); got.Type != "chat" {
				t.Errorf("replied as %s", got)
			}
		})
		t.Run("an iq", func(t *testing.T) {
			g.receiver.Answer(200, mediaType, `<iq type="result"><ok xmlns="urn:test"/></iq>`)
			if got := alice.With(t).Request(patience, "get", "", bot, `<ask xmlns="urn:test"/>`); got.Type != "result" {
				t.Errorf("answered %s", got)
			}
			g.receiver.Answer(204, "", "")
			if got := alice.With(t).Request(patience, "set", "", g.domain, `<ask xmlns="urn:test"/>`); got.Type != "result" {
				t.Errorf("answered %s", got)
			}
		})
		t.Run("silence", func(t *testing.T) {
			before := len(alice.History())
			for _, status := range []int{200, 202, 204} {
				g.receiver.Answer(status, "", "")
				text := fmt.Sprintf("silent %d", status)
				alice.SendMessage(bot, text)
				g.receiver.Wait(patience, posted(text))
			}
			g.receiver.Answer(500, "", "")
			alice.SendMessage(bot, "loud") // in order, so what came of the others is here
			alice.With(t).Wait(patience, func(s xmpptest.Stanza) bool { return s.Type == "error" })
			if n := len(alice.History()) - before; n != 1 {
				t.Errorf("%d stanzas came back, want the error alone", n)
			}
		})
		t.Run("errors are not answered", func(t *testing.T) {
			g.receiver.Answer(200, mediaType, `<message><body>never</body></message>`)
			alice.Send(`<message type="error" id="err" to="` + bot + `"><body>oops</body><error type="cancel"><gone xmlns="` + stanzaErrors + `"/></error></message>`)
			g.receiver.Wait(patience, posted("oops"))
			g.receiver.Answer(200, mediaType, `<message><body>now</body></message>`)
			alice.SendMessage(bot, "next")
			alice.With(t).Wait(patience, body("now"))
			for _, s := range alice.History() {
				if s.Body == "never" {
					t.Errorf("an error was answered: %s", s)
				}
			}
		})
		whole()
	})
}

// callbackStatuses are the statuses that the contract names, with the error that
// each becomes.
var callbackStatuses = map[int][2]string{
	400: {"modify", "bad-request"}, 401: {"auth", "not-authorized"}, 402: {"auth", "payment-required"},
	403: {"auth", "forbidden"}, 404: {"cancel", "item-not-found"}, 405: {"cancel", "not-allowed"},
	406: {"modify", "not-acceptable"}, 407: {"auth", "registration-required"}, 408: {"wait", "remote-server-timeout"},
	409: {"cancel", "conflict"}, 410: {"cancel", "gone"}, 411: {"modify", "bad-request"}, 412: {"cancel", "conflict"},
	413: {"modify", "resource-constraint"}, 414: {"modify", "resource-constraint"}, 415: {"cancel", "feature-not-implemented"},
	416: {"modify", "bad-request"}, 417: {"cancel", "undefined-condition"}, 422: {"modify", "bad-request"},
	423: {"wait", "resource-constraint"}, 429: {"wait", "resource-constraint"}, 431: {"modify", "resource-constraint"},
	451: {"auth", "forbidden"}, 499: {"cancel", "undefined-condition"}, 500: {"wait", "internal-server-error"},
	501: {"cancel", "feature-not-implemented"}, 502: {"wait", "remote-server-timeout"}, 503: {"cancel", "service-unavailable"},
	504: {"wait", "remote-server-timeout"}, 505: {"cancel", "undefined-condition"}, 507: {"wait", "resource-constraint"},
	511: {"auth", "not-authorized"}, 599: {"cancel", "undefined-condition"}, 302: {"cancel", "undefined-condition"},
}

func TestReceiving_statuses(t *testing.T) {
	eachPeer(t, func(t *testing.T, server xmpptest.Server) {
		g := startGateway(t, server)
		alice := xmpptest.Login(t, server, "alice")
		whole := g.unbroken()
		for status, want := range callbackStatuses {
			g.receiver.Answer(status, "text/html", "<p>not for the user</p>")
			id := fmt.Sprintf("s%d", status)
			alice.Send(`<message id="` + id + `" type="chat" to="bot@` + g.domain + `"><body>x</body></message>`)
			got := alice.Wait(patience, withID(id))
			if got.Err == nil || got.Err.Type != want[0] || got.Err.Condition != want[1] || strings.Contains(got.Raw, "not for the user") {
				t.Errorf("%d became %s, want %v", status, got, want)
			}
		}
		whole()
	})
}

func TestReceiving_filters(t *testing.T) {
	eachPeer(t, func(t *testing.T, server xmpptest.Server) {
		g := startGateway(t, server, func(c *config.Config) {
			c.Components[0].Callback.Stanzas = []string{"message"}
			c.Components[0].Callback.Events = []string{"bare"}
		})
		alice := xmpptest.Login(t, server, "alice")
		alice.Send(`<message id="full" type="chat" to="bot@` + g.domain + `/r"><body>x</body></message>`)
		if got := alice.Wait(patience, withID("full")); got.Err == nil || got.Err.Condition != "service-unavailable" {
			t.Errorf("a message to a full address was answered with %s", got)
		}
		for payload, want := range map[string]string{
			`<ping xmlns="urn:xmpp:ping"/>`:                                   "result",
			`<query xmlns="jabber:iq:version"/>`:                              "result",
			`<query xmlns="http://jabber.org/protocol/disco#info"/>`:          "result",
			`<query xmlns="jabber:iq:last"/>`:                                 "error",
			`<query xmlns="http://jabber.org/protocol/disco#info" node="x"/>`: "error",
		} {
			if got := alice.Request(patience, "get", "", g.domain, payload); got.Type != want {
				t.Errorf("%s was answered with %s, want a %s", payload, got, want)
			}
		}
		alice.SendMessage("bot@"+g.domain, "wanted")
		g.receiver.Wait(patience, posted("wanted"))
		if all := g.receiver.All(); len(all) != 1 {
			t.Errorf("%d callbacks, want one: %+v", len(all), all)
		}
	})
}

// The bot talks in a room: what comes from an occupant with type groupchat is
// answered in the room.
func TestReceiving_groupchat(t *testing.T) {
	eachPeer(t, func(t *testing.T, server xmpptest.Server) {
		g := startGateway(t, server)
		alice := xmpptest.Login(t, server, "alice")
		room := alice.JoinRoom("lounge", "alice")
		bot := "bot@" + g.domain
		g.receiver.Handle(func(w http.ResponseWriter, _ *http.Request, c xmpptest.Callback) {
			if strings.Contains(c.Body, "ping the bot") {
				w.Header().Set("Content-Type", mediaType)
				_, _ = fmt.Fprint(w, `<message type="groupchat"><body>bot is here</body></message>`)
				return
			}
			w.WriteHeader(http.StatusAccepted)
		})
		g.post(`<presence from="`+bot+`" to="`+room+`/robot"><x xmlns="http://jabber.org/protocol/muc"/></presence>`).want(t, http.StatusAccepted)
		g.receiver.Wait(patience, posted("<presence", `code=`, "110"))

		alice.SendGroupchat(room, "ping the bot")
		if got := alice.Wait(patience, body("bot is here")); got.Type != "groupchat" || got.From != room+"/robot" {
			t.Errorf("the room got %s", got)
		}
	})
}

func TestReceiving_callbackDown(t *testing.T) {
	eachPeer(t, func(t *testing.T, server xmpptest.Server) {
		g := startGateway(t, server)
		alice := xmpptest.Login(t, server, "alice")
		bot := "bot@" + g.domain
		g.receiver.Down()
		alice.Send(`<message id="down" type="chat" to="` + bot + `"><body>anybody?</body></message>`)
		if got := alice.Wait(patience, withID("down")); got.Err == nil || got.Err.Condition != "recipient-unavailable" || got.Err.Type != "wait" {
			t.Errorf("answered with %s", got)
		}
		if got := alice.Request(patience, "get", "", bot, `<ask xmlns="urn:test"/>`); got.Err == nil || got.Err.Condition != "recipient-unavailable" {
			t.Errorf("an iq was answered with %s", got)
		}
		g.waitUntil("the log says so", func() bool { return strings.Contains(g.log.String(), "callback gives no answer") })
		g.receiver.Up()
		alice.SendMessage(bot, "and now?")
		g.receiver.Wait(patience, posted("and now?"))
		g.waitUntil("the log says that the callback answers again", func() bool { return strings.Contains(g.log.String(), "callback answers again") })
	})
}

// The bot of mod_rest's first documentation, unmodified, talks with a user of slixmpp.
func TestReceiving_flaskBot(t *testing.T) {
	eachPeer(t, func(t *testing.T, server xmpptest.Server) {
		bot := xmpptest.StartBot(t, xmpptest.EchobotFile(t))
		g := startGateway(t, server, func(c *config.Config) { c.Components[0].Callback.URL = config.Secret(bot.URL()) })
		romeo := xmpptest.StartSlixmpp(t, server, "romeo")
		romeo.SendMessage("bot@"+g.domain, "Hello")
		romeo.WaitBody(patience, "Yes this is bot")
	})
}

// A callback that speaks JSON, by configuration: it gets JSON, answers in it, and answers
// to several at once.
func TestReceiving_json(t *testing.T) {
	eachPeer(t, func(t *testing.T, server xmpptest.Server) {
		g := startGateway(t, server, func(c *config.Config) { c.Components[0].Callback.ContentType = "json" })
		alice := xmpptest.Login(t, server, "alice")
		juliet := xmpptest.Login(t, server, "juliet")
		bot := "bot@" + g.domain
		whole := g.unbroken()

		t.Run("there and back", func(t *testing.T) {
			g.receiver.Answer(200, jsonType, `{"type":"chat","body":"Yes \"this\" is <bot>"}`)
			alice.SendMessage(bot, "who & what?")
			if got := alice.With(t).Wait(patience, body(`Yes "this" is <bot>`)); got.From != bot || got.Type != "chat" {
				t.Errorf("replied as %s", got)
			}
			c := g.receiver.Wait(patience, posted(`"body":"who & what?"`))
			if c.Header.Get("Content-Type") != jsonType || !strings.HasPrefix(c.Body, `{"kind":"message","type":"chat",`) {
				t.Errorf("posted %s as %v", c.Body, c.Header)
			}
		})
		t.Run("the type is not inherited", func(t *testing.T) {
			g.receiver.Answer(200, jsonType, `{"body":"untyped"}`)
			alice.SendMessage(bot, "hi")
			if got := alice.With(t).Wait(patience, body("untyped")); got.Type != "" && got.Type != "normal" {
				t.Errorf("replied as %s", got)
			}
		})
		t.Run("to several", func(t *testing.T) {
			g.receiver.Answer(200, jsonType, `{"xmpp":[{"type":"chat","body":"one"},`+
				`{"type":"chat","to":"`+juliet.JID()+`","body":"elsewhere","from":"king@example.org"},{"type":"chat","body":"two"}]}`)
			before := len(alice.History())
			alice.SendMessage(bot, "tell juliet")
			alice.With(t).Wait(patience, body("two"))
			if got := juliet.With(t).Wait(patience, body("elsewhere")); got.From != bot {
				t.Errorf("juliet got %s", got)
			}
			var heard []string
			for _, s := range alice.History()[before:] {
				heard = append(heard, s.Body)
			}
			if strings.Join(heard, " ") != "one two" {
				t.Errorf("alice heard %q", heard)
			}
		})
		t.Run("an iq and a message", func(t *testing.T) {
			g.receiver.Answer(200, jsonType, `{"xmpp":[{"type":"chat","to":"`+juliet.JID()+`","body":"alice asks"},{"kind":"iq","version":{"name":"bot"}}]}`)
			if got := alice.With(t).Request(patience, "get", "", bot, `<query xmlns="jabber:iq:version"/>`); got.Type != "result" || !strings.Contains(got.Raw, "bot") {
				t.Errorf("answered %s", got)
			}
			juliet.With(t).Wait(patience, body("alice asks"))
		})
		t.Run("nothing of what can't be used", func(t *testing.T) {
			g.receiver.Answer(200, jsonType, `{"xmpp":[{"type":"chat","body":"half"},{"body":5}]}`)
			if got := alice.With(t).Request(patience, "get", "", bot, `<ask xmlns="urn:test"/>`); got.Err == nil || got.Err.Condition != "internal-server-error" {
				t.Errorf("answered %s", got)
			}
			g.receiver.Answer(404, jsonType, `{"body":"not for the user"}`)
			alice.Send(`<message id="page" type="chat" to="` + bot + `"><body>x</body></message>`)
			if got := alice.With(t).Wait(patience, withID("page")); got.Err == nil || got.Err.Condition != "item-not-found" {
				t.Errorf("answered %s", got)
			}
			for _, s := range alice.History() {
				if s.Body == "half" || s.Body == "not for the user" {
					t.Errorf("sent, though it should not be: %s", s)
				}
			}
			if !strings.Contains(g.log.String(), "xmpp/1/body") {
				t.Error("the log does not say which member is wrong")
			}
		})
		whole()
	})
}

// A callback that asks for JSON in its answer to OPTIONS gets JSON.
func TestReceiving_asksForJSON(t *testing.T) {
	eachPeer(t, func(t *testing.T, server xmpptest.Server) {
		receiver := xmpptest.NewReceiver(t)
		receiver.HandleProbe(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Accept", "text/html, application/json, application/xmpp+xml;q=0.5")
		})
		g := startGateway(t, server, func(c *config.Config) { c.Components[0].Callback.URL = config.Secret(receiver.URL() + "/") })
		alice := xmpptest.Login(t, server, "alice")
		g.waitUntil("the log says so", func() bool { return strings.Contains(g.log.String(), "format=application/json") })
		alice.SendMessage("bot@"+g.domain, "Hallo")
		if c := receiver.Wait(patience, posted(`"body":"Hallo"`)); c.Header.Get("Content-Type") != jsonType {
			t.Errorf("posted %s as %v", c.Body, c.Header)
		}
	})
}

// The bot of docs/http.md, as it is printed there, talks with a user.
func TestReceiving_documentedBot(t *testing.T) {
	if !xmpptest.RealPeers() {
		t.Skip("Flask is not asked for")
	}
	bot := xmpptest.StartBot(t, "docs/http.md")
	server := xmpptest.StartFake(t)
	g := startGateway(t, server, func(c *config.Config) {
		c.Components[0].Callback.URL, c.Components[0].Callback.ContentType = config.Secret(bot.URL()), "json"
	})
	alice := xmpptest.Login(t, server, "alice")
	alice.SendMessage("bot@"+g.domain, "Hello")
	if got := alice.Wait(patience, body("You said: Hello")); got.Type != "chat" {
		t.Errorf("replied as %s", got)
	}
	if got := alice.Request(patience, "get", "", "bot@"+g.domain, `<ask xmlns="urn:test"/>`); got.Type != "result" {
		t.Errorf("a query is answered with %s", got)
	}
}
