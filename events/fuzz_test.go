package events

import "testing"

// An id is the text of its position and nothing else.
func FuzzParsePosition(f *testing.F) {
	for _, text := range []string{"0-0", "3-1k9", "2u-ff87em1b", "01-1", "-", "zzzz-zzzzzzzzz"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePosition(text)
		if err == nil && (p < 0 || p.String() != text) {
			t.Errorf("%q is %d, which is %q", text, p, p)
		}
	})
}

// A filter that was read is written as it was.
func FuzzParseFilter(f *testing.F) {
	f.Add(`{}`)
	f.Add(`{"identity":"bot@example.net","direction":"in","kinds":["message"],"types":["chat"],"from":"a@example.org/x","to":"example.net"}`)
	f.Fuzz(func(t *testing.T, text string) {
		filter, err := parseFilter(text)
		if err != nil {
			return
		}
		again, err := parseFilter(filter.text())
		if err != nil || again.text() != filter.text() {
			t.Errorf("%s becomes %s, and that %s, %v", text, filter.text(), again.text(), err)
		}
	})
}
