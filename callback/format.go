package callback

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/restanza/restanza/format"
)

// formatOf returns the format that a Content-Type names; nil if we know none of
// that name.
func formatOf(contentType string) *format.Format {
	f, err := format.Find(contentType)
	if err != nil {
		return nil
	}
	return f
}

// requestFormat returns the first format that an Accept header lists, nil if there is
// none. Quality values mean nothing, as in mod_rest, except that zero means never.
func requestFormat(accept string) *format.Format {
	for item := range strings.SplitSeq(accept, ",") {
		if never(item) {
			continue
		}
		if f := formatOf(item); f != nil {
			return f
		}
	}
	return nil
}

// never reports whether an item of an Accept header has the quality 0.
func never(item string) bool {
	for param := range strings.SplitSeq(item, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
		if strings.EqualFold(name, "q") {
			return strings.Trim(value, "0.") == ""
		}
	}
	return false
}

// unread says why nobody looks at the body of an answer, if it has one: its
// Content-Type is none of ours. Many frameworks write text/html unless told
// otherwise. Without a type and a length there may be no body at all.
func unread(header http.Header, length int64) error {
	contentType := header.Get("Content-Type")
	mediaType, _, _ := strings.Cut(contentType, ";")
	mediaType = strings.TrimSpace(mediaType)
	switch {
	case length == 0, length < 0 && mediaType == "", formatOf(contentType) != nil:
		return nil
	case mediaType == "":
		mediaType = "missing"
	}
	return fmt.Errorf("no reply, since the answer's Content-Type is %s; a reply is one of %s", mediaType, format.Names())
}
