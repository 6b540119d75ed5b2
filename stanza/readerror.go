package stanza

import (
	"github.com/restanza/restanza/element"
	"github.com/restanza/restanza/jid"
)

// Err reads the error element of a stanza of type error (RFC 6120 §8.3.2). It
// returns nil if there is none. A condition outside the defined ones, or a
// missing one, reads as undefined-condition.
func (s Stanza) Err() *Error {
	if s.Type() != TypeError {
		return nil
	}
	for _, c := range rescan(s.XML()).Children {
		if string(c.Local) == "error" && string(c.Space) == NSClient {
			return readError(rescan(c.Raw))
		}
	}
	return nil
}

// PayloadAttr returns an attribute of the first child element, by its name
// without a prefix; empty if there is no such child or attribute.
func (s Stanza) PayloadAttr(local string) string {
	children := rescan(s.XML()).Children
	if len(children) == 0 {
		return ""
	}
	for _, a := range rescan(children[0].Raw).Attrs {
		if len(a.Prefix) == 0 && string(a.Local) == local {
			return element.Unescape(a.Value)
		}
	}
	return ""
}

// rescan describes an element of a stanza. Its children can be scanned in turn,
// because each declares what it uses.
func rescan(raw []byte) *element.Element { return mustScan(newRescanner(), raw) }

func newRescanner() *element.Scanner {
	return element.NewScanner(backstop, element.Scope{Default: NSClient})
}

// mustScan is rescan with a scanner at hand. The description lasts until the scanner
// is used again; what it says lies in raw.
func mustScan(sc *element.Scanner, raw []byte) *element.Element {
	if _, err := sc.Scan(raw); err != nil {
		panic("stanza: checked content does not scan: " + err.Error())
	}
	return sc.Element()
}

func readError(el *element.Element) *Error {
	e := &Error{Condition: UndefinedCondition}
	for _, a := range el.Attrs {
		switch {
		case len(a.Prefix) > 0:
		case string(a.Local) == "type":
			e.Type = ErrorType(element.Unescape(a.Value))
		case string(a.Local) == "by":
			e.By, _ = jid.ParseRouted(element.Unescape(a.Value)) // an unreadable by names nobody
		}
	}
	for _, c := range el.Children {
		if element.Unescape(c.Space) != NSStanzas {
			continue
		}
		if string(c.Local) == "text" {
			e.Text = element.Text(c.Raw)
			continue
		}
		if _, known := definedConditions[Condition(c.Local)]; known {
			e.Condition = Condition(c.Local)
		}
	}
	return e
}

var definedConditions = func() map[Condition]struct{} {
	set := map[Condition]struct{}{}
	for _, c := range Conditions() {
		set[c] = struct{}{}
	}
	return set
}()
