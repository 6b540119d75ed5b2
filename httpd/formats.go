package httpd

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/restanza/restanza/stanza"
)

// format is one way of writing stanzas into bodies. Each has a file of its own.
type format struct {
	mediaType   string   // in lower case, without parameters
	contentType []string // the header of an answer in this format
	// decode reads the stanza in a request's body, which it may not keep.
	decode func(body []byte) (stanza.Stanza, error)
	// encode appends a stanza to dst.
	encode func(dst []byte, st stanza.Stanza) []byte
}

// formats is the table of formats, the default first.
type formats []*format

// forRequest returns the format of a request's body, told by its Content-Type
// alone.
func (fs formats) forRequest(h http.Header) (*format, *problem) {
	if encoding := h.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		p := newProblem(http.StatusUnsupportedMediaType, stanza.Cancel, "bad-format",
			fmt.Sprintf("the body is encoded as %.40q: send it uncompressed", encoding))
		p.header = http.Header{"Accept-Encoding": {"identity"}} // RFC 9110 §15.5.16
		return nil, p
	}
	given := h.Get("Content-Type")
	for _, f := range fs {
		if strings.EqualFold(mediaType(given), f.mediaType) {
			return f, nil
		}
	}
	text := fmt.Sprintf("the Content-Type %.80q is not supported: send a stanza as %s", given, fs.names())
	if given == "" {
		text = fmt.Sprintf("there is no Content-Type: send a stanza as %s", fs.names())
	}
	p := newProblem(http.StatusUnsupportedMediaType, stanza.Cancel, "bad-format", text)
	p.header = http.Header{"Accept-Post": {fs.names()}} // Linked Data Platform 1.0 §7.1
	return nil, p
}

// forAnswer returns the format of the answer to a request: the one that is
// named first in the Accept header followed by the request's own type, and the
// default if none is. Quality values mean nothing, as in mod_rest.
func (fs formats) forAnswer(h http.Header) *format {
	found, first := fs[0], -1
	if len(fs) == 1 {
		return found
	}
	wanted := strings.ToLower(strings.Join(h["Accept"], ",") + "," + h.Get("Content-Type"))
	for _, f := range fs {
		if i := strings.Index(wanted, f.mediaType); i >= 0 && (first < 0 || i < first) {
			found, first = f, i
		}
	}
	return found
}

// names lists the media types, as in an Accept-Post header.
func (fs formats) names() string {
	names := make([]string, len(fs))
	for i, f := range fs {
		names[i] = f.mediaType
	}
	return strings.Join(names, ", ")
}

// mediaType returns a Content-Type without its parameters.
func mediaType(contentType string) string {
	contentType = strings.TrimLeft(contentType, " \t")
	if end := strings.IndexAny(contentType, "; \t,"); end >= 0 {
		return contentType[:end]
	}
	return contentType
}
