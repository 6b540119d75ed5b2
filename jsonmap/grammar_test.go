package jsonmap_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/restanza/restanza/element"
	"github.com/restanza/restanza/stanza"
)

// name is the name of an element.
type name struct{ space, local string }

// production is what was seen in the elements of a name.
type production struct {
	attrs    []element.NodeAttr
	children []name
	texts    []string
}

// grammar is what was seen in a corpus. It makes stanzas whose parts are known, in
// random order, with more and with less than there should be.
type grammar struct {
	of    map[name]*production
	names []name
}

func newGrammar(t testing.TB) *grammar {
	t.Helper()
	g := &grammar{of: map[name]*production{}}
	docs := slices.Clone(corpus)
	for _, p := range slices.Concat(bothWays, toXML, toJSON) {
		if p.xml != "" {
			docs = append(docs, p.xml)
		}
	}
	for _, doc := range docs {
		st, err := stanza.Parse([]byte(doc))
		if err != nil {
			t.Fatalf("%s: %v", doc, err)
		}
		var tree element.Tree
		if err := tree.Parse(st.Content(), stanza.NSClient); err != nil {
			t.Fatal(err)
		}
		g.learn(name{stanza.NSClient, string(st.Kind())}, tree.Root())
	}
	return g
}

func (g *grammar) learn(n name, e element.Node) {
	p := g.of[n]
	if p == nil {
		p = new(production)
		g.of[n], g.names = p, append(g.names, n)
	}
	p.attrs = append(p.attrs, e.Attrs()...)
	for c := range e.Children() {
		if c.IsText() {
			s, _ := c.Text()
			p.texts = append(p.texts, s)
			continue
		}
		child := name{c.Space(), c.Local()}
		if !slices.Contains(p.children, child) {
			p.children = append(p.children, child)
		}
		g.learn(child, c)
	}
}

// choices are bytes that decide what is made. When they are used up, the shortest is
// made of what was begun.
type choices struct{ left []byte }

func (c *choices) next() int {
	if len(c.left) == 0 {
		return 0
	}
	b := c.left[0]
	c.left = c.left[1:]
	return int(b)
}

// of returns a number below n. A list may be longer than a byte counts.
func (c *choices) of(n int) int {
	if n > 256 {
		return (c.next()<<8 | c.next()) % n
	}
	return c.next() % n
}

// stanza makes a stanza.
func (g *grammar) stanza(c *choices) string {
	kind := []string{"message", "presence", "iq"}[c.of(3)]
	types := []string{"", "", "chat", "error", "get", "set", "result", "available", "groupchat", "odd"}
	var b strings.Builder
	fmt.Fprintf(&b, "<%s", kind)
	if typ := types[c.of(len(types))]; typ != "" {
		fmt.Fprintf(&b, ` type="%s"`, typ)
	}
	b.WriteString(">")
	g.content(&b, c, g.of[name{stanza.NSClient, kind}], stanza.NSClient, 0)
	fmt.Fprintf(&b, "</%s>", kind)
	return b.String()
}

// content writes the content of an element, most of it of what was seen there.
func (g *grammar) content(b *strings.Builder, c *choices, p *production, space string, depth int) {
	for len(c.left) > 0 {
		switch what := c.next(); {
		case what < 70:
			return
		case what < 80 || what < 110 && len(p.texts) > 0:
			g.text(b, c, p)
		case what < 230 && len(p.children) > 0:
			g.element(b, c, p.children[c.of(len(p.children))], space, depth+1)
		case what < 250 && depth > 0:
			return
		default:
			g.element(b, c, g.names[c.of(len(g.names))], space, depth+1)
		}
	}
}

func (g *grammar) text(b *strings.Builder, c *choices, p *production) {
	odd := []string{" ", "\n", "x", "0", "-1", "true", "1e5", "\u00e9", "]]>", "a\nb", "\r", "{}", "null"}
	s := odd[c.of(len(odd))]
	if len(p.texts) > 0 && c.of(4) > 0 {
		s = p.texts[c.of(len(p.texts))]
	}
	b.Write(element.AppendText(nil, s))
}

func (g *grammar) element(b *strings.Builder, c *choices, n name, around string, depth int) {
	if depth > 40 {
		return
	}
	p := g.of[n]
	switch c.of(32) { // now and then another namespace, or none
	case 31:
		n.space = "urn:odd"
	case 30:
		n.space = ""
	}
	tag := n.local
	if n.space == "http://www.w3.org/XML/1998/namespace" {
		tag, n.space = "xml:"+tag, around
	}
	b.WriteString("<" + tag)
	if n.space != around {
		fmt.Fprintf(b, ` xmlns="%s"`, element.AppendAttr(nil, n.space))
	}
	g.attrs(b, c, p)
	b.WriteString(">")
	g.content(b, c, p, n.space, depth)
	b.WriteString("</" + tag + ">")
}

func (g *grammar) attrs(b *strings.Builder, c *choices, p *production) {
	var seen []string
	for range c.of(5) {
		a := element.NodeAttr{Local: "odd", Value: "x"}
		switch c.of(16) {
		case 0:
		case 1:
			a = element.NodeAttr{Local: "xml:lang", Value: "en"}
		case 2:
			a = element.NodeAttr{Local: `xmlns:p="urn:p" p:q`, Value: "\t"}
		default:
			if len(p.attrs) == 0 {
				continue
			}
			a = p.attrs[c.of(len(p.attrs))]
			if a.Space != "" {
				continue
			}
			if values := []string{"", " ", "0", "true", "007", "-5", "odd"}; c.of(4) == 3 {
				a.Value = values[c.of(len(values))]
			}
		}
		if slices.Contains(seen, a.Local) {
			continue
		}
		seen = append(seen, a.Local)
		fmt.Fprintf(b, ` %s="%s"`, a.Local, element.AppendAttr(nil, a.Value))
	}
}

// check makes a stanza and maps it to JSON and back. It reports whether that was one.
func (g *grammar) check(t *testing.T, decisions []byte) bool {
	t.Helper()
	st, err := stanza.Parse([]byte(g.stanza(&choices{decisions})))
	if err != nil {
		return false // too deep, for example
	}
	checkRoundTrip(t, st)
	return true
}

// FuzzRoundTrip_known is FuzzRoundTrip for stanzas that are made of known parts.
func FuzzRoundTrip_known(f *testing.F) {
	g := newGrammar(f)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		f.Add(decisions(rng))
	}
	f.Fuzz(func(t *testing.T, decisions []byte) { g.check(t, decisions) })
}

func decisions(rng *rand.Rand) []byte {
	all := make([]byte, 20+rng.IntN(300))
	for i := range all {
		all[i] = byte(rng.Uint32())
	}
	return all
}

// Stanzas of known parts, in random order, survive the way to JSON and back.
func TestAppend_randomRoundTrip(t *testing.T) {
	g := newGrammar(t)
	rng := rand.New(rand.NewPCG(*randomSeed, 0))
	made := 0
	for range *randomStanzas {
		if g.check(t, decisions(rng)) {
			made++
		}
	}
	if made < *randomStanzas/2 {
		t.Errorf("only %d of %d documents are stanzas", made, *randomStanzas)
	}
	t.Logf("%d stanzas", made)
}
