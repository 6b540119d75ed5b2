package main

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/restanza/restanza"
	"github.com/restanza/restanza/stanza"
)

const (
	mostText = 80       // characters of a body, or of an error's text
	mostName = 100      // characters of an address or a type
	mostXML  = 16 << 10 // characters of a stanza's XML
)

// Colours of a terminal (ECMA-48 §8.3.117).
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

// paint returns text in a colour, if the screen has colours.
func (s *screen) paint(colour, text string) string {
	if !s.colour || text == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// traffic shows a stanza and what came of it in one line, with the XML below if
// that is wanted. It does not block.
func (s *screen) traffic(x restanza.Exchange) {
	if s.full() {
		s.leaveOut()
		return
	}
	arrow, colour := "←", green
	if x.Direction == restanza.Outbound {
		arrow, colour = "→", cyan
	}
	words := []string{s.paint(dim, x.At.Format(time.TimeOnly)), s.paint(colour, arrow)}
	words = append(words, s.subject(x.Stanza)...)
	words = append(words, s.outcome(x)...)
	line := strings.Join(words, " ") + "\n"
	if s.verbose {
		line += s.xml(x.Stanza) + s.xml(x.Answer)
		for _, st := range x.More {
			line += s.xml(st)
		}
	}
	s.put(line)
}

// subject says what a stanza is: kind and type, from and to, body or payload.
func (s *screen) subject(st stanza.Stanza) []string {
	if st.IsZero() {
		return []string{"request refused:"}
	}
	words := []string{string(st.Kind())}
	if st.Type() != "" {
		words = append(words, visible(string(st.Type()), mostName))
	}
	words = append(words, visible(st.From().String(), mostName), "→", visible(st.To().String(), mostName))
	if text := content(st); text != "" {
		words = append(words, s.paint(bold, text))
	}
	return words
}

// content returns the body of a message in quotes, the condition of an error, or
// the name of the payload; empty if there is none of these.
func content(st stanza.Stanza) string {
	if e := st.Err(); e != nil {
		text := string(e.Condition)
		if e.Text != "" {
			text += `: "` + visible(e.Text, mostText) + `"`
		}
		return text
	}
	if body := st.Body(); body != "" {
		return `"` + visible(body, mostText) + `"`
	}
	if name := st.FirstChild(); name.Local != "" {
		return "<" + visible(name.Local, mostName) + " " + visible(name.Space, mostName) + ">"
	}
	return ""
}

// outcome says what came of a stanza: HTTP status, milliseconds, answer, error.
func (s *screen) outcome(x restanza.Exchange) []string {
	var words []string
	switch {
	case x.Status != 0:
		words = append(words, s.paint(statusColour(x.Status), strconv.Itoa(x.Status)))
	case x.Err != nil:
		words = append(words, s.paint(red, "no answer"))
	}
	if x.Took > 0 {
		words = append(words, s.paint(dim, millis(x.Took)))
	}
	if !x.Answer.IsZero() {
		words = append(words, s.paint(dim, "answered:"))
		switch text := content(x.Answer); {
		case x.Answer.Type() == stanza.TypeError:
			words = append(words, s.paint(red, text))
		case text != "":
			words = append(words, text)
		default:
			words = append(words, visible(string(x.Answer.Type()), mostName))
		}
		if n := len(x.More); n > 0 {
			words = append(words, s.paint(dim, fmt.Sprintf("and %d more", n)))
		}
	}
	if x.Err != nil {
		words = append(words, s.paint(red, visible(x.Err.Error(), 3*mostText)))
	}
	return words
}

func statusColour(status int) string {
	switch {
	case status >= http.StatusInternalServerError:
		return red
	case status >= http.StatusBadRequest:
		return yellow
	}
	return green
}

// millis returns a time in milliseconds, with a tenth where that tells something.
func millis(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	if ms < 10 {
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.0f ms", ms)
}

// xml returns a stanza as it is, in a line; nothing for the zero Stanza.
func (s *screen) xml(st stanza.Stanza) string {
	if st.IsZero() {
		return ""
	}
	return "         " + s.paint(dim, visible(st.String(), mostXML)) + "\n"
}

// visible returns at most that many characters of a text that others wrote, such
// that it can do nothing to a terminal: control characters, those that change the
// direction of writing, and bytes that are no UTF-8 stand there as in a Go string.
func visible(text string, most int) string {
	var b strings.Builder
	for n := 0; text != ""; n++ {
		if n == most {
			b.WriteString("…")
			break
		}
		r, size := utf8.DecodeRuneInString(text)
		if r == '"' || r == '\\' || strconv.IsPrint(r) && (r != utf8.RuneError || size > 1) {
			b.WriteString(text[:size])
		} else {
			quoted := strconv.Quote(text[:size])
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		text = text[size:]
	}
	return b.String()
}
