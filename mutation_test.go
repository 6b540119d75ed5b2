package restanza_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/restanza/restanza/internal/xmpptest"
)

var mutations = flag.Int("mutations", 4000, "how many mutated stanzas TestMutations posts through each server")

// mutationSeeds are stanzas from which mutations start: good ones, and ones that
// are bad in a way that ends a stream.
func mutationSeeds(user string) []string {
	return []string{
		`<message type="chat" to="` + user + `"><body>Hello &amp; &#x1F600; good bye</body><active xmlns="http://jabber.org/protocol/chatstates"/></message>`,
		`<message xmlns:q="urn:q" to="` + user + `" from="Bot@REST.example.test/x"><q:a q:b='1'><c xmlns="urn:c" xml:lang="en">t</c></q:a></message>`,
		`<iq type="get" id="1" to="example.test"><ping xmlns="urn:xmpp:ping"/></iq>`,
		`<presence to="` + user + `"><show>away</show><x xmlns="urn:x"><![CDATA[<raw> & ]]></x></presence>`,
		"<message to='" + user + "'>\n <f:forwarded xmlns:f='urn:xmpp:forward:0'><message xmlns='jabber:client' to='a@b'><body>in</body></message></f:forwarded></message>",
		`<message xmlns="jabber:client" to="rest.example.test" id="&quot;&lt;&#9;"><body xmlns="jabber:client">` + strings.Repeat("ü€😀", 40) + `</body></message>`,
		`<message to="` + user + `"><html xmlns="http://jabber.org/protocol/xhtml-im"><body xmlns="http://www.w3.org/1999/xhtml"><p style='x'>y</p></body></html></message>`,
	}
}

// mutationParts are what mutations insert: everything that is known to end a
// stream, or to come close to it.
var mutationParts = []string{
	"<", ">", "&", "\"", "'", "/", "=", ":", "]]>", "<![CDATA[", "<!--x-->", "<?pi?>", "<!DOCTYPE x>", "&nbsp;", "&#0;", "&#xFFFE;", "&#xD800;", "&#13;",
	"\x00", "\x0b", "\x7f", "\x80", "\xff\xfe", "\xc0\xaf", "\xed\xa0\x80", "\xef\xbf\xbf", "\ufeff", "\u2028", "\U0001F600", "\r\n", "\t",
	"<a/>", "<q:a/>", "</message>", "</stream:stream>", "<stream:stream>", "<stream:error/>", "<stream:features xmlns:stream='http://etherx.jabber.org/streams'/>",
	" xmlns='jabber:server'", " xmlns='jabber:component:accept'", " xmlns=''", " xmlns:q='urn:r'", " xmlns:q=''", " xmlns:xml='urn:x'", " q:b='2'", " to='@'", " from='example.test'",
	" xml:lang='x'", "<x xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", "<\U0001F600/>", "<\u0132/>", "<a\u0300/>", "\u00b7", strings.Repeat("<d>", 70), strings.Repeat(" x='1'", 3), strings.Repeat("a", 3000),
}

// mutate changes a stanza in one to four places.
func mutate(r *rand.Rand, seed string) string {
	b := []byte(seed)
	for range 1 + r.IntN(4) {
		at := r.IntN(len(b) + 1)
		switch r.IntN(6) {
		case 0: // a byte
			if at < len(b) {
				b[at] = byte(r.IntN(256))
			}
		case 1: // leave something out
			b = append(b[:at:at], b[min(len(b), at+r.IntN(8)):]...)
		case 2: // twice
			end := min(len(b), at+r.IntN(40))
			b = append(b[:end:end], b[at:]...)
		case 3: // a rune
			b = append(b[:at:at], append([]byte(string(rune(r.IntN(0x11000)))), b[at:]...)...)
		default:
			b = append(b[:at:at], append([]byte(mutationParts[r.IntN(len(mutationParts))]), b[at:]...)...)
		}
	}
	return string(b)
}

// Whatever callers send, the server never ends the component's stream: at the end
// the same connection is there, and works.
func TestMutations(t *testing.T) {
	eachPeer(t, func(t *testing.T, server xmpptest.Server) {
		g := startGateway(t, server)
		whole := g.unbroken()
		alice := xmpptest.Login(t, server, "alice")
		seeds := mutationSeeds(alice.Bare())
		var statuses [600]atomic.Int64
		var wait sync.WaitGroup
		const workers = 8
		for worker := range workers {
			wait.Go(func() {
				r := rand.New(rand.NewPCG(uint64(worker), 20200101)) // the same mutations each time
				for range *mutations / workers {
					doc := mutate(r, seeds[r.IntN(len(seeds))])
					resp, err := g.tryPost(t.Context(), doc, "Prefer: wait=5")
					if err != nil {
						t.Errorf("%q: %v", doc, err)
						return
					}
					statuses[resp.status].Add(1)
					if resp.status >= 500 && resp.status != http.StatusGatewayTimeout {
						t.Errorf("%q: status %d: %s", doc, resp.status, resp.body)
					}
				}
			})
		}
		wait.Wait()
		var summary []string
		for status := range statuses {
			if n := statuses[status].Load(); n > 0 {
				summary = append(summary, fmt.Sprintf("%d: %d", status, n))
			}
		}
		t.Logf("statuses: %s", strings.Join(summary, ", "))
		if statuses[http.StatusAccepted].Load() == 0 || statuses[http.StatusBadRequest].Load() == 0 {
			t.Error("mutations that are all good, or all bad, prove nothing")
		}
		whole()
		g.post(message(alice.Bare(), "still here")).want(t, http.StatusAccepted)
		alice.Wait(patience, body("still here"))
	})
}
