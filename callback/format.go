package callback

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/restanza/restanza/format"
)

// formatOf returns the format that a Content-Type names; nil if we know none of
// that name. A charset does not count: frameworks add one that they do not keep to,
// and a body that is not UTF-8 is found out when it is read.
func formatOf(contentType string) *format.Format {
	if contentType == format.XML.MediaType { // what bots write most
		return format.XML
	}
	f, err := format.Find(contentType)
	if err != nil {
		mediaType, _, _ := strings.Cut(contentType, ";")
		f, _ = format.Find(mediaType)
	}
	return f
}

// requestFormat returns the format that an Accept header prefers: of those that it
// lists with the highest quality, the first; nil if it lists none.
//
// COMPAT(mod_rest): without qualities that is the first in the list, whatever our
// own order is, and */* says nothing.
func requestFormat(accept string) *format.Format {
	var best *format.Format
	highest := 0.0
	for item := range strings.SplitSeq(accept, ",") {
		q := quality(item)
		if q <= highest {
			continue
		}
		if f := formatOf(item); f != nil {
			best, highest = f, q
		}
	}
	return best
}

// quality returns the weight of an item of an Accept header (RFC 9110 §12.4.2), from
// 0, never, to 1, which is what counts for one without a proper weight.
func quality(item string) float64 {
	_, params, _ := strings.Cut(item, ";")
	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(param, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "q") {
			continue
		}
		if q, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err == nil && q >= 0 && q <= 1 {
			return q
		}
	}
	return 1
}

// unread says why nobody looks at the body of an answer, if it has one: it is in no
// format of ours. Many frameworks write text/html unless told otherwise. Without a
// type and a length there may be no body at all.
func unread(header http.Header, length int64) error {
	mediaType, _, _ := strings.Cut(header.Get("Content-Type"), ";")
	mediaType = strings.TrimSpace(mediaType)
	switch {
	case length == 0, length < 0 && mediaType == "":
		return nil
	case mediaType == "":
		mediaType = "missing"
	}
	return fmt.Errorf("no reply, since the answer's Content-Type is %s; a reply is one of %s", mediaType, format.Names())
}
