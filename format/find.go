package format

import (
	"fmt"
	"mime"
	"strings"
)

// strictProfile is the value of the parameter profile that asks for mod_rest's own
// mapping.
const strictProfile = "strict-mod_rest"

// Find returns the format that a Content-Type names. Of its parameters, charset must
// be UTF-8 (or ASCII, which is part of it), and profile="strict-mod_rest" asks for
// mod_rest's own mapping; others do not count. The error is for whoever wrote it.
func Find(contentType string) (*Format, error) {
	if f := of(contentType); f != nil {
		return f, nil // as most are written
	}
	mediaType, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		mediaType, _, _ = strings.Cut(strings.TrimSpace(contentType), ";")
		mediaType, _, _ = strings.Cut(mediaType, " ") // COMPAT(mod_rest): which takes what is before either
		mediaType = strings.ToLower(mediaType)
	}
	f := of(mediaType)
	if f == nil {
		return nil, fmt.Errorf("the Content-Type %.80q is not supported: send a stanza as %s", contentType, Names())
	}
	if charset, given := params["charset"]; given && !strings.EqualFold(charset, "utf-8") && !strings.EqualFold(charset, "us-ascii") {
		return nil, fmt.Errorf("the charset %.40q is not supported: everything here is UTF-8", charset)
	}
	if params["profile"] == strictProfile {
		f = f.Strict()
	}
	return f, nil
}

// Named returns the format of that Name, nil if there is none.
func Named(name string) *Format {
	for _, f := range All() {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// of returns the format of a media type, nil if there is none.
func of(mediaType string) *Format {
	for _, f := range All() {
		if f.MediaType == mediaType {
			return f
		}
	}
	return nil
}

// Names lists the media types, as in an Accept-Post header.
func Names() string {
	all := All()
	names := make([]string, len(all))
	for i, f := range all {
		names[i] = f.MediaType
	}
	return strings.Join(names, ", ")
}
