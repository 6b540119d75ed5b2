package httpd

import (
	"encoding/json"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/restanza/restanza/events"
	"github.com/restanza/restanza/format"
)

// The encodings that events remember.
const (
	encodedJSON = iota
	encodedXML
	encodedStreamJSON
	encodedStreamXML
)

// eventName says what an object of a stream is. The set is closed.
type eventName string

const (
	eventStanza    eventName = "stanza"    // a stanza that came or went
	eventOpen      eventName = "open"      // the first of a stream: id is where it begins
	eventKeepalive eventName = "keepalive" // nothing has come for a while
	eventGap       eventName = "gap"       // what a consumer has not read was dropped: it goes on after id
	eventEnd       eventName = "end"       // the last of a stream, which says why
	eventAccepted  eventName = "accepted"  // what the reader has sent was accepted
	eventRefused   eventName = "refused"   // what the reader has sent was not
)

// notice is an object of a stream that is no stanza.
type notice struct {
	Event     eventName `json:"event"`
	ID        string    `json:"id,omitempty"`
	Component string    `json:"component,omitempty"` // in the first: whose events these are
	Ref       string    `json:"ref,omitempty"`
	Status    int       `json:"status,omitempty"`
	Condition string    `json:"condition,omitempty"`
	Text      string    `json:"text,omitempty"`
}

// append appends the object in one line, without its end. The usual ones are written without
// encoding/json, for whose frames the stacks of readers would have to grow.
func (n *notice) append(dst []byte) []byte {
	if n.Event == eventOpen || n.Event == eventKeepalive {
		dst = append(append(append(dst, `{"event":"`...), n.Event...), '"')
		if n.ID != "" {
			dst = append(append(append(dst, `,"id":"`...), n.ID...), '"')
		}
		if n.Component != "" { // a domain has nothing that JSON would escape
			dst = append(append(append(dst, `,"component":"`...), n.Component...), '"')
		}
		return append(dst, '}')
	}
	return n.appendAll(dst)
}

//go:noinline
func (n *notice) appendAll(dst []byte) []byte {
	line, err := json.Marshal(n)
	if err != nil {
		panic("httpd: a notice has no JSON form: " + err.Error()) // strings and numbers always have
	}
	return append(dst, line...)
}

// object returns an event as a JSON object in one line, without its end. It is made once for
// all readers.
func (s *Server) object(e *events.Event, xml bool) []byte {
	if xml {
		return e.Encoded(encodedXML, s.xmlObject)
	}
	return e.Encoded(encodedJSON, s.jsonObject)
}

func (s *Server) jsonObject(e *events.Event) []byte {
	f := format.JSON
	if s.o.StrictJSON {
		f = f.Strict()
	}
	return append(f.Append(appendEvent(nil, e), e.Stanza), '}')
}

func (*Server) xmlObject(e *events.Event) []byte {
	text, err := jsontext.AppendQuote(appendEvent(nil, e), e.Stanza.XML())
	if err != nil {
		panic("httpd: a stanza has no JSON form: " + err.Error()) // its text is checked UTF-8
	}
	return append(text, '}')
}

// appendEvent appends the beginning of an object, up to the stanza.
func appendEvent(dst []byte, e *events.Event) []byte {
	dst = append(dst, `{"event":"stanza","id":"`...)
	dst = append(dst, e.Position.String()...)
	dst = append(dst, `","time":"`...)
	dst = e.At.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z")
	dst = append(dst, `","direction":"`...)
	dst = append(dst, e.Direction...)
	dst = append(dst, `","state":"`...)
	dst = append(dst, e.State...)
	return append(dst, `","stanza":`...)
}

// given returns an event as object does, with the number of the attempt if it is not the first.
func (s *Server) given(e events.Given, xml bool) []byte {
	object := s.object(e.Event, xml)
	if e.Attempt <= 1 {
		return object
	}
	b := fmt.Appendf(make([]byte, 0, len(object)+20), `{"attempt":%d,`, e.Attempt)
	return append(b, object[1:]...)
}

// eventPage is the answer of a poll.
type eventPage struct {
	Events []json.RawMessage `json:"events"`
	Next   string            `json:"next,omitempty"`
}

// frame returns an event as Server-Sent Events have it, made once for all readers.
func (s *Server) frame(g events.Given, xml bool) []byte {
	if g.Attempt > 1 {
		return appendFrame(g.Event, s.given(g, xml))
	}
	number := encodedStreamJSON
	if xml {
		number = encodedStreamXML
	}
	return g.Encoded(number, func(e *events.Event) []byte { return appendFrame(e, s.object(e, xml)) })
}

func appendFrame(e *events.Event, object []byte) []byte {
	b := make([]byte, 0, len(object)+40)
	b = append(append(append(b, "id: "...), e.Position.String()...), "\ndata: "...)
	return append(append(b, object...), "\n\n"...)
}

// retryHint tells browsers for how many milliseconds to wait before they connect again.
const retryHint = "retry: 2000\n"
