package jsonmap_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/restanza/restanza/element"
	"github.com/restanza/restanza/stanza"
)

// canonical writes a stanza such that two that differ only in the order of attributes
// and the choice of prefixes are equal.
func canonical(t testing.TB, st stanza.Stanza) string {
	t.Helper()
	var tree element.Tree
	if err := tree.Parse(st.Content(), stanza.NSClient); err != nil {
		t.Fatalf("content %q: %v", st.Content(), err)
	}
	h := st.Header()
	if h.Kind == stanza.Presence && h.Type == "available" {
		h.Type = "" // the same, in a spelling that RFC 6121 §4.7.1 does not have
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %q %q %q %q %q", h.Kind, h.Type, h.ID, h.From, h.To, h.Lang)
	for n := range tree.Root().Children() {
		writeCanonical(&b, n)
	}
	return b.String()
}

func writeCanonical(b *strings.Builder, n element.Node) {
	if n.IsText() {
		text, _ := n.Text()
		fmt.Fprintf(b, " %q", text)
		return
	}
	fmt.Fprintf(b, " <{%s}%s", n.Space(), n.Local())
	var attrs []string
	for _, a := range n.Attrs() {
		attrs = append(attrs, fmt.Sprintf(" {%s}%s=%q", a.Space, a.Local, a.Value))
	}
	slices.Sort(attrs)
	b.WriteString(strings.Join(attrs, "") + ">")
	for c := range n.Children() {
		writeCanonical(b, c)
	}
	b.WriteString("</>")
}
