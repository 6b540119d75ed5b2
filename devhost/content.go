package devhost

import (
	"github.com/restanza/restanza/element"
	"github.com/restanza/restanza/stanza"
)

// child is an element within a stanza.
type child struct {
	name  stanza.Name
	raw   string            // the whole element
	attr  map[string]string // without prefixes
	scope element.Scope     // what raw inherits
}

// scanLimits are beyond those of what is scanned, which was read within limits
// and may have been given further declarations since.
var scanLimits = element.Limits{Bytes: 64 << 20, Depth: 1 << 10, Attributes: 1 << 10}

// quoted returns a value as it can stand in an attribute.
func quoted(value string) string { return string(element.AppendAttr(nil, value)) }

// children returns the elements that the content of a stanza, or an element's
// content, consists of. Content that is not well-formed ends the list; that of
// stanzas never is.
func children(content string) []child {
	sc := element.NewScanner(scanLimits, element.Scope{Default: stanza.NSClient})
	if _, err := sc.Scan([]byte("<message>" + content + "</message>")); err != nil {
		return nil
	}
	return childrenOf(sc.Element())
}

// children returns the elements within c.
func (c child) children() []child {
	sc := element.NewScanner(scanLimits, c.scope)
	if _, err := sc.Scan([]byte(c.raw)); err != nil {
		return nil
	}
	return childrenOf(sc.Element())
}

func childrenOf(el *element.Element) []child {
	list := make([]child, 0, len(el.Children))
	scope := el.Scope()
	sc := element.NewScanner(scanLimits, scope)
	for _, c := range el.Children {
		sc.Reset()
		one := child{
			name: stanza.Name{Space: element.Unescape(c.Space), Local: string(c.Local)},
			raw:  string(c.Raw), attr: map[string]string{}, scope: scope,
		}
		if _, err := sc.Scan(c.Raw); err == nil {
			for _, a := range sc.Element().Attrs {
				if len(a.Prefix) == 0 {
					one.attr[string(a.Local)] = element.Unescape(a.Value)
				}
			}
		}
		list = append(list, one)
	}
	return list
}
