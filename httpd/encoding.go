package httpd

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/restanza/restanza/stanza"
)

var gunzippers = sync.Pool{New: func() any { return new(gzip.Reader) }}

// decodeBody undoes the Content-Encoding of a body (RFC 9110 §8.4): gzip, or none. What
// comes of it has the same limit as a body that is not compressed.
func decodeBody(body []byte, h http.Header, limit int) ([]byte, *problem) {
	coding := strings.ToLower(strings.TrimSpace(strings.Join(h["Content-Encoding"], ",")))
	switch coding {
	case "", "identity":
		return body, nil
	case "gzip", "x-gzip":
		return gunzip(body, limit)
	}
	p := newProblem(http.StatusUnsupportedMediaType, stanza.Cancel, "bad-format",
		fmt.Sprintf("the body is encoded as %.40q: send it with gzip, or uncompressed", coding))
	p.header = http.Header{"Accept-Encoding": {"gzip, identity"}} // RFC 9110 §15.5.16
	return nil, p
}

func gunzip(body []byte, limit int) ([]byte, *problem) {
	z := gunzippers.Get().(*gzip.Reader)
	defer gunzippers.Put(z)
	err := z.Reset(bytes.NewReader(body))
	var out []byte
	if err == nil {
		out, err = io.ReadAll(io.LimitReader(z, int64(limit)+1))
	}
	if err != nil {
		what := "it is damaged"
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			what = "it ends too early"
		}
		return nil, newProblem(http.StatusBadRequest, stanza.Modify, "bad-format", "the body can't be decompressed as gzip: "+what)
	}
	if len(out) > limit {
		return nil, tooLarge("the body is too large when it is decompressed", limit)
	}
	return out, nil
}
