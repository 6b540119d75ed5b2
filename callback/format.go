package callback

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"

	"github.com/restanza/restanza/stanza"
)

// format is one way of writing stanzas into HTTP bodies.
type format struct {
	mediaType string // in lower case, without parameters
	// encode returns a stanza as the body of a request; nil: a format for
	// answers only.
	encode func(stanza.Stanza) []byte
	// decode reads the stanza that an answer's body holds; the zero Stanza if
	// it holds nothing. The addresses in it do not count.
	decode func(body []byte) (stanza.Stanza, error)
	// anyStatus says that a body in this format is meant as a stanza even if
	// the status says that something went wrong.
	anyStatus bool
}

// formats is the table of formats, in the order in which the Accept header of a
// request lists them. The first is the default.
var formats = []*format{
	{mediaType: "application/xmpp+xml", encode: stanza.Stanza.XML, decode: decodeXML, anyStatus: true},
	{mediaType: "text/plain", decode: decodeText},
}

// decodeXML reads one stanza. A body of nothing but white space says nothing.
func decodeXML(body []byte) (stanza.Stanza, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return stanza.Stanza{}, nil
	}
	return stanza.ParseReply(body)
}

// decodeText makes a chat message of a text, whatever is being answered. What
// XML can't carry becomes U+FFFD.
func decodeText(body []byte) (stanza.Stanza, error) {
	if len(body) == 0 {
		return stanza.Stanza{}, nil
	}
	content := "<body>" + stanza.Escape(string(body)) + "</body>"
	return stanza.New(stanza.Header{Kind: stanza.Message, Type: stanza.Chat}, content), nil
}

// formatOf returns the format that a Content-Type names; nil if we know none of
// that name.
func formatOf(contentType string) *format {
	mediaType := mediaTypeOf(contentType)
	for _, f := range formats {
		if strings.EqualFold(mediaType, f.mediaType) {
			return f
		}
	}
	return nil
}

// requestFormat returns the first format that an Accept header lists and that
// requests can be written in; nil if there is none. Quality values mean
// nothing, as in mod_rest.
func requestFormat(accept string) *format {
	for item := range strings.SplitSeq(accept, ",") {
		if f := formatOf(item); f != nil && f.encode != nil {
			return f
		}
	}
	return nil
}

// acceptHeader lists what answers may be written in.
func acceptHeader() string {
	return strings.Join(answerTypes(), ", ")
}

func answerTypes() []string {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = f.mediaType
	}
	return names
}

// unread says why nobody looks at the body of an answer, if it has one: its
// Content-Type is none of ours. Many frameworks write text/html unless told
// otherwise. Without a type and a length there may be no body at all.
func unread(header http.Header, length int64) error {
	mediaType := mediaTypeOf(header.Get("Content-Type"))
	switch {
	case length == 0, length < 0 && mediaType == "", formatOf(mediaType) != nil:
		return nil
	case mediaType == "":
		mediaType = "missing"
	}
	return fmt.Errorf("no reply, since the answer's Content-Type is %s; a reply is %s", mediaType, strings.Join(answerTypes(), " or "))
}

// mediaTypeOf returns a Content-Type without its parameters.
func mediaTypeOf(contentType string) string {
	mediaType, _, _ := strings.Cut(contentType, ";")
	return strings.TrimSpace(mediaType)
}
