package element

import (
	"bytes"
	"encoding/xml"
	"errors"
	"testing"
	"unicode/utf8"
)

// goAccepts reports whether encoding/xml takes a document.
func goAccepts(doc []byte) bool {
	d := xml.NewDecoder(bytes.NewReader(doc))
	for {
		if _, err := d.RawToken(); err != nil {
			return err.Error() == "EOF"
		}
	}
}

// encoding/xml has the tables of the fourth edition from another source. They
// must agree on every character, as the first of a name and as a later one.
func TestNames_everyCharacter(t *testing.T) {
	sc := NewScanner(Limits{}, Scope{})
	first, later := 0, 0
	for r := rune(0x80); r <= utf8.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		c := string(r)
		if r > 0xFFFF && r%0x101 != 0 { // a sample of what is never allowed
			if isLetter(r) || isFurther(r) {
				t.Fatalf("U+%04X is taken for part of a name", r)
			}
			continue
		}
		for _, name := range []string{c, "a" + c} {
			doc := []byte("<" + name + "/>")
			_, err := sc.Document(doc)
			if errors.Is(err, ErrIncomplete) {
				t.Fatalf("%q: %v", doc, err)
			}
			if ours, theirs := err == nil, goAccepts(doc); ours != theirs {
				t.Fatalf("name %q (U+%04X): accepted here %t, by encoding/xml %t", name, r, ours, theirs)
			}
			if err == nil && name == c {
				first++
			} else if err == nil {
				later++
			}
		}
	}
	if first != 34_462 || later != 35_056 {
		t.Errorf("%d characters beyond ASCII may begin a name and %d continue it", first, later)
	}
}
