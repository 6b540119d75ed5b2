package restanza_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/restanza/restanza/internal/xmpptest"
)

// archivePage is an answer to an archive query in JSON, as a program reads it.
type archivePage struct {
	XMPP []struct {
		Kind, Type, From string
		Archive          struct {
			ID, QueryID string
			Forward     struct{ Message struct{ Body string } }
		}
		Result struct {
			Page struct{ Last string }
		}
	}
}

// bodies returns the texts of a page, and the id to go on after; empty: there was
// nothing.
func (p archivePage) bodies() (texts []string, last string) {
	for _, st := range p.XMPP {
		if st.Kind == "message" {
			texts = append(texts, st.Archive.Forward.Message.Body)
		}
		last = cmp.Or(st.Result.Page.Last, last)
	}
	return texts, last
}

// readArchive reads an archive page by page, as docs/http.md does it, and returns the
// texts and the number of pages.
func (g *gatewayUnderTest) readArchive(address string, most int) (texts []string, pages int) {
	g.t.Helper()
	for after := ""; ; pages++ {
		query := url.Values{"max": {strconv.Itoa(most)}}
		if after != "" {
			query.Set("after", after)
		}
		r := g.request(http.MethodGet, "/rest/archive/"+url.PathEscape(address)+"?"+query.Encode(), jsonType, "").want(g.t, http.StatusOK)
		if strings.HasPrefix(r.body, `{"kind":"iq"`) { // no results, so no list
			return texts, pages
		}
		var p archivePage
		if err := json.Unmarshal([]byte(r.body), &p); err != nil {
			g.t.Fatalf("%v: %s", err, r.body)
		}
		found, last := p.bodies()
		if len(found) > most {
			g.t.Fatalf("%d results on a page of %d", len(found), most)
		}
		if last == "" {
			g.t.Fatalf("nothing to go on after: %s", r.body)
		}
		texts, after = append(texts, found...), last
	}
}

// runExample runs the program in docs/http.md that reads a room, ten at a time, and
// returns what it prints.
func (g *gatewayUnderTest) runExample(room string) string {
	g.t.Helper()
	doc, err := os.ReadFile("docs/http.md")
	if err != nil {
		g.t.Fatal(err)
	}
	_, program, _ := strings.Cut(string(doc), "```python\nimport json, urllib")
	program, _, ok := strings.Cut("import json, urllib"+program, "```")
	for example, ours := range map[string]string{
		"http://127.0.0.1:5281": g.url, "Bearer dmVyeSBzZWNyZXQgdG9rZW4K": credential, "room@rooms.example.org": room, `"max": 50`: `"max": 10`,
	} {
		ok = ok && strings.Contains(program, example)
		program = strings.ReplaceAll(program, example, ours)
	}
	if !ok {
		g.t.Fatalf("docs/http.md has no program that reads an archive, or another one than this test knows:\n%s", program)
	}
	command := exec.CommandContext(context.Background(), "/usr/bin/python3", "-")
	command.Stdin = strings.NewReader(program)
	out, err := command.CombinedOutput()
	if err != nil {
		g.t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// The archive of a room, which lets a component read it.
func TestArchive_room(t *testing.T) {
	for _, name := range xmpptest.Peers(t) {
		if name == "fake" { // has no archive
			continue
		}
		t.Run(name, func(t *testing.T) {
			server := xmpptest.Start(t, name)
			g := startGateway(t, server)
			whole := g.unbroken()
			room := "tea@" + server.MUC()
			g.post(`<presence to="`+room+`/bot"><x xmlns="http://jabber.org/protocol/muc"/></presence>`).want(t, http.StatusAccepted)
			g.receiver.Wait(patience, posted("110"))
			// A room is locked until its owner has configured it, or not even that (XEP-0045 §10.1.2).
			g.post(`<iq type="set" to="`+room+`"><query xmlns="http://jabber.org/protocol/muc#owner"><x xmlns="jabber:x:data" type="submit"/></query></iq>`).want(t, http.StatusOK, `type="result"`)
			var want []string
			for i := range 25 {
				text := fmt.Sprintf("cup %d", i)
				want = append(want, text)
				g.post(`<message type="groupchat" to="`+room+`"><body>`+text+`</body></message>`).want(t, http.StatusAccepted)
			}
			g.receiver.Wait(patience, posted("cup 24"))

			texts, pages := g.readArchive(room, 10)
			if !slices.Equal(texts, want) || pages != 3 {
				t.Errorf("the archive has, on %d pages, %q", pages, texts)
			}
			if got := g.runExample(room); got != strings.Join(want, "\n")+"\n" {
				t.Errorf("the program of docs/http.md prints\n%s", got)
			}
			r := g.post(`<iq type="set" id="all" to="`+room+`"><query xmlns="urn:xmpp:mam:2" queryid="mine"><set xmlns="http://jabber.org/protocol/rsm"><max>30</max></set></query></iq>`).want(t, http.StatusOK, "mine", "cup 0")
			if n := strings.Count(r.body, "<result "); n != 25 || !strings.HasPrefix(r.body, "<xmpp><message ") || !strings.HasSuffix(r.body, "</iq></xmpp>") {
				t.Errorf("%d results in %s", n, r.body)
			}
			g.post(`<iq type="set" to="nowhere@`+server.MUC()+`"><query xmlns="urn:xmpp:mam:2"/></iq>`, "Prefer: handling=strict").want(t, http.StatusNotFound, "item-not-found")
			for _, c := range g.receiver.All() {
				if strings.Contains(c.Body, "urn:xmpp:mam:2") && strings.Contains(c.Body, "<result") {
					t.Errorf("a result went to the callback: %s", c.Body)
				}
			}
			whole()
		})
	}
}

// An archive that is a component itself, and can be bad.
func TestArchive_component(t *testing.T) {
	eachPeer(t, func(t *testing.T, server xmpptest.Server) {
		g := startGateway(t, server)
		whole := g.unbroken()
		archive, eve := xmpptest.DialComponent(t, server, 1), xmpptest.DialComponent(t, server, 2)
		silent := make(chan xmpptest.Stanza, 1)
		archive.Handle(answerArchiveQueries(archive, silent))

		t.Run("page by page", func(t *testing.T) {
			texts, pages := g.readArchive("small@"+archive.Domain(), 40)
			if len(texts) != 100 || texts[0] != "text 0" || texts[99] != "text 99" || pages != 3 {
				t.Errorf("%d texts on %d pages", len(texts), pages)
			}
		})
		t.Run("streamed", func(t *testing.T) {
			r := g.post(`<iq type="set" id="s" to="large@`+archive.Domain()+`"><query xmlns="urn:xmpp:mam:2" queryid="s"/></iq>`).want(t, http.StatusOK)
			if r.header.Get("Content-Length") != "" || !strings.HasPrefix(r.body, "<xmpp><message ") || !strings.HasSuffix(r.body, "</fin></iq></xmpp>") {
				t.Errorf("%q … %q", r.body[:100], r.body[len(r.body)-100:])
			}
			for i := range 2000 {
				text := fmt.Sprintf("<body>text %d</body>", i)
				_, rest, ok := strings.Cut(r.body, text)
				if !ok {
					t.Fatalf("%q is missing or in the wrong place", text)
				}
				r.body = rest
			}
		})
		t.Run("results of others", func(t *testing.T) {
			done := make(chan response, 1)
			go func() {
				r, _ := g.tryPost(t.Context(), `<iq type="set" id="o" to="silent@`+archive.Domain()+`"><query xmlns="urn:xmpp:mam:2" queryid="o"/></iq>`)
				done <- r
			}()
			var asked xmpptest.Stanza
			select {
			case asked = <-silent:
			case <-time.After(patience):
				t.Fatal("the archive was not asked")
			}
			result := `<message from="%s" to="` + g.domain + `"><result xmlns="urn:xmpp:mam:2" queryid="%s" id="%s"/></message>`
			eve.Send(fmt.Sprintf(result, "silent@"+eve.Domain(), "o", "from-eve"))
			g.receiver.Wait(patience, posted("from-eve"))
			archive.Send(fmt.Sprintf(result, "other@"+archive.Domain(), "o", "from-another"))
			archive.Send(fmt.Sprintf(result, asked.To, "p", "of-another-query"))
			archive.Send(fmt.Sprintf(result, asked.To, "o", "the-right-one"))
			archive.Send(fmt.Sprintf(`<iq type="result" id="o" from="%s" to="%s"><fin xmlns="urn:xmpp:mam:2"/></iq>`, asked.To, asked.From))
			r := (<-done).want(t, http.StatusOK, "the-right-one")
			if n := strings.Count(r.body, "<result "); n != 1 {
				t.Errorf("%d results: %s", n, r.body)
			}
			for _, id := range []string{"from-another", "of-another-query"} {
				g.receiver.Wait(patience, posted(id))
			}
		})
		whole()
	})
}

// answerArchiveQueries makes a component an archive: small@ holds 100 texts, large@
// 2000 of half a kilobyte, and what silent@ is asked goes into the channel.
func answerArchiveQueries(c *xmpptest.Component, silent chan<- xmpptest.Stanza) func(xmpptest.Stanza) {
	return func(s xmpptest.Stanza) {
		query, asked := s.Child("urn:xmpp:mam:2", "query")
		local, _, _ := strings.Cut(s.To, "@")
		switch {
		case s.Name != "iq" || !asked:
			return
		case local == "silent":
			silent <- s
			return
		}
		begin, end, filling := 0, 100, ""
		if local == "large" {
			end, filling = 2000, strings.Repeat("x", 400)
		}
		set, _ := query.Child("http://jabber.org/protocol/rsm", "set")
		if after, ok := set.Child("", "after"); ok {
			n, _ := strconv.Atoi(after.Text)
			begin = n + 1
		}
		if most, ok := set.Child("", "max"); ok {
			n, _ := strconv.Atoi(most.Text)
			end = min(end, begin+n)
		}
		for i := begin; i < end; i++ {
			_ = c.TrySend(fmt.Sprintf(`<message from="%s" to="%s"><result xmlns="urn:xmpp:mam:2" queryid="%s" id="%d"><forwarded xmlns="urn:xmpp:forward:0">`+
				`<message xmlns="jabber:client" from="a@b"><body>text %d</body><x xmlns="urn:test">%s</x></message></forwarded></result></message>`,
				s.To, s.From, query.Attr("queryid"), i, i, filling)) // fails only if the test is over
		}
		last := ""
		if end > begin {
			last = fmt.Sprintf("<last>%d</last>", end-1)
		}
		_ = c.TrySend(fmt.Sprintf(`<iq type="result" id="%s" from="%s" to="%s"><fin xmlns="urn:xmpp:mam:2"><set xmlns="http://jabber.org/protocol/rsm">%s</set></fin></iq>`,
			s.ID, s.To, s.From, last)) // likewise
	}
}
