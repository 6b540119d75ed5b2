package httpd

import (
	"net/http"
	"slices"
	"strings"

	"github.com/restanza/restanza/format"
	"github.com/restanza/restanza/stanza"
)

// requestFormat returns the format of a request's body, told by its Content-Type
// alone; nil if there is neither a type nor a body, and the URL says something.
func (s *Server) requestFormat(h http.Header, t *target, empty bool) (*format.Format, *problem) {
	given := h["Content-Type"]
	var text string
	switch {
	case len(given) == 0 && empty && (t.shaped || t.query != "" || t.stray != ""):
		return nil, nil
	case len(given) == 0 || given[0] == "":
		text = "there is no Content-Type: send a stanza as " + format.Names()
	case len(given) > 1:
		text = "there are several Content-Types: send one"
	default:
		f, err := format.Find(given[0])
		if err == nil {
			return s.profiled(f), nil
		}
		text = err.Error()
	}
	p := newProblem(http.StatusUnsupportedMediaType, stanza.Cancel, "bad-format", text)
	p.header = http.Header{"Accept-Post": {format.Names()}} // Linked Data Platform 1.0 §7.1
	return nil, p
}

// profiled returns the strict variant of a format if that is the Server's default.
func (s *Server) profiled(f *format.Format) *format.Format {
	if s.o.StrictJSON {
		return f.Strict()
	}
	return f
}

// answerFormat returns the format of the answer to a request: the one that the Accept
// header likes best; of several the one that it names first; and where it does not say,
// the request's own, or XML.
func (s *Server) answerFormat(h http.Header, st stanza.Stanza) *format.Format {
	own := format.XML
	if f, err := format.Find(h.Get("Content-Type")); err == nil && f != format.Text {
		own = s.profiled(f)
	}
	lines := h["Accept"]
	if len(lines) == 0 {
		return own
	}
	ranges := parseAccept(lines)
	candidates := slices.Concat([]*format.Format{own}, format.All())
	chosen, quality, position := own, 0, 0
	for _, f := range candidates {
		at := closest(ranges, f.MediaType)
		if at < 0 || f == format.Text && (ranges[at].subtype == "*" || st.Body() == "") {
			continue
		}
		if q := ranges[at].quality; q > quality || q == quality && q > 0 && at < position {
			chosen, quality, position = s.profiled(f), q, at
			if strings.EqualFold(ranges[at].profile, strictProfile) {
				chosen = f.Strict()
			}
		}
	}
	return chosen
}

// strictProfile is the parameter profile of a media type that asks for mod_rest's own
// mapping.
const strictProfile = "strict-mod_rest"
