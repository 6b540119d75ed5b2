package apidoc

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// policy lets the page load what this package serves and speak with the gateway that
// it came from, and nothing else. Swagger UI has its icons as data.
var policy = []string{"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"}

// Header fields that are the same for all files. A browser asks each time whether it
// has the right version: the next version of the program is at the same address.
var (
	nosniff        = []string{"nosniff"}
	noReferrer     = []string{"no-referrer"}
	noCache        = []string{"no-cache"}
	acceptEncoding = []string{"Accept-Encoding"}
	gzipCoding     = []string{"gzip"}
)

// Serve answers a GET or HEAD request with the file and returns the status: 200, or
// 304 if the client has it already. The error says that the client is gone.
func (f *File) Serve(w http.ResponseWriter, r *http.Request) (status int, err error) {
	h := w.Header()
	h["Etag"] = f.etag
	h["Cache-Control"] = noCache
	h["Vary"] = acceptEncoding
	h["X-Content-Type-Options"] = nosniff
	h["Content-Security-Policy"] = policy
	h["Referrer-Policy"] = noReferrer
	if f.matches(r.Header["If-None-Match"]) {
		w.WriteHeader(http.StatusNotModified)
		return http.StatusNotModified, nil
	}
	h["Content-Type"] = f.contentType
	body := f.plain
	if takesGzip(r.Header["Accept-Encoding"]) {
		h["Content-Encoding"] = gzipCoding
		body = f.zipped
	} else if body == nil {
		if body, err = unzip(f.zipped); err != nil {
			panic(err) // it is embedded
		}
	}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return http.StatusOK, nil
	}
	_, err = w.Write(body)
	return http.StatusOK, err
}

// matches reports whether an If-None-Match header (RFC 9110 §13.1.2) has the file's
// tag.
func (f *File) matches(lines []string) bool {
	for _, line := range lines {
		for tag := range strings.SplitSeq(line, ",") {
			tag = strings.TrimSpace(tag)
			if tag == "*" || strings.TrimPrefix(tag, "W/") == strings.TrimPrefix(f.etag[0], "W/") {
				return true
			}
		}
	}
	return false
}

// takesGzip reports whether an Accept-Encoding header (RFC 9110 §12.5.3) names gzip and
// does not forbid it. What else it says does not count.
func takesGzip(lines []string) bool {
	for _, line := range lines {
		for coding := range strings.SplitSeq(strings.ToLower(line), ",") {
			name, weight, weighted := strings.Cut(strings.ReplaceAll(coding, " ", ""), ";q=")
			if name == "gzip" {
				q, err := strconv.ParseFloat(weight, 64)
				return !weighted || err == nil && q > 0
			}
		}
	}
	return false
}

func unzip(zipped []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(zipped))
	if err != nil {
		return nil, fmt.Errorf("apidoc: a damaged file is embedded: %w", err)
	}
	content, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("apidoc: a damaged file is embedded: %w", err)
	}
	return content, nil
}
