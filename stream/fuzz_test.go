package stream

import (
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzReader checks that a Reader never panics, and that how the bytes arrive
// makes no difference.
func FuzzReader(f *testing.F) {
	for _, doc := range []string{
		open + `<message from='a@b'><body>x</body></message> <presence/>` + closing,
		"\uFEFF" + open + `<iq type='get' id='1'><q xmlns='urn:x' p:a='1'/></iq>` + closing,
		open + `<message><a><a><a><a><![CDATA[</a>]]></a></a></a></a></message><presence/>`,
		open + `<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream >`,
		`<s:stream xmlns:s='http://etherx.jabber.org/streams' xmlns='jabber:client'><s:stream>`,
	} {
		f.Add(doc, 7)
	}
	limits := ReaderOptions{MaxStanza: 400, MaxDepth: 4, MaxAttributes: 4}
	f.Fuzz(func(t *testing.T, doc string, cut int) {
		whole := describe(NewReader(strings.NewReader(doc), limits))
		cut = max(0, min(cut, len(doc)))
		pieces := io.MultiReader(strings.NewReader(doc[:cut]), strings.NewReader(doc[cut:]))
		if diff := cmp.Diff(whole, describe(NewReader(pieces, limits))); diff != "" {
			t.Errorf("cut at %d (-whole +pieces):\n%s", cut, diff)
		}
	})
}
