package stanza

import (
	"testing"

	"github.com/restanza/restanza/element"
)

// What a server wrote is kept as it was, though a caller's addresses would be
// normalised.
func TestParseStored(t *testing.T) {
	sc := element.NewScanner(element.Limits{Bytes: 1 << 16}, element.Scope{Default: NSComponent})
	if _, err := sc.Scan([]byte(`<message from="Romeo@example.org/x" to="bot@example.net" type="chat" id="a&#10;&quot;" xml:lang="de"><body>x</body></message>`)); err != nil {
		t.Fatal(err)
	}
	st, err := FromElement(sc.Element())
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseStored(st.XML())
	if err != nil || got.Header() != st.Header() || got.String() != st.String() {
		t.Errorf("%v, %v; want %v", got, err, st)
	}
}
