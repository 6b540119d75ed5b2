package httpd

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"

	"github.com/restanza/restanza/stanza"
)

const (
	// firstRead is the room for a body at first: who declares a large body and
	// sends nothing costs no more than that.
	firstRead = 4 << 10
	// keptBuffer is the largest buffer that is kept for later bodies.
	keptBuffer = 64 << 10
)

// buffers holds buffers for bodies in both directions.
var buffers = sync.Pool{New: func() any {
	b := make([]byte, 0, firstRead)
	return &b
}}

func getBuffer() *[]byte { return buffers.Get().(*[]byte) }

func putBuffer(b *[]byte) {
	if cap(*b) <= keptBuffer {
		*b = (*b)[:0]
		buffers.Put(b)
	}
}

// readBody appends the body of r to buf and returns the extended slice. A body
// over the limit is refused by its declared length, before it is read, or else
// as soon as it has grown too large.
func readBody(buf []byte, r *http.Request, limit int) ([]byte, *problem) {
	if r.ContentLength > int64(limit) {
		return buf, tooLarge(fmt.Sprintf("a body of %d bytes is too large", r.ContentLength), limit)
	}
	for {
		if len(buf) == cap(buf) {
			// One byte more than the limit shows that there is more.
			grown := make([]byte, len(buf), max(min(2*cap(buf), limit+1), len(buf)+1))
			copy(grown, buf)
			buf = grown
		}
		n, err := r.Body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if len(buf) > limit {
			return buf, tooLarge("the body is too large", limit)
		}
		if err == io.EOF {
			return buf, nil
		}
		if err != nil {
			return buf, unreadable(err, len(buf), r.ContentLength)
		}
	}
}

// discarded is how much of a refused request's body is read for nothing.
const discarded = 256 << 10

// discardBody reads what is left of the body of a refused request, if the
// connection ends with it: to close a socket with unread data resets it, and
// the caller might never see the answer. net/http does the same for all other
// connections; here it is asked to wait a little with closing if there is too
// much to read. A caller who waits to be told to send his body is not told to.
func discardBody(w http.ResponseWriter, r *http.Request) {
	if !r.Close || r.ContentLength == 0 || r.Header["Expect"] != nil {
		return
	}
	// An error says that the caller is gone, or that there is more.
	_, _ = io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, discarded))
}

func tooLarge(what string, limit int) *problem {
	p := problemFor(&stanza.Refusal{Reason: stanza.TooLarge})
	p.text = fmt.Sprintf("%s; the limit is %d bytes", what, limit)
	return p
}

// unreadable says why a body could not be read to its end.
func unreadable(err error, got int, declared int64) *problem {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return newProblem(http.StatusRequestTimeout, stanza.Wait, "connection-timeout",
			fmt.Sprintf("the body did not arrive in time: %s", progress(got, declared)))
	case errors.Is(err, io.ErrUnexpectedEOF):
		return newProblem(http.StatusBadRequest, stanza.Modify, "bad-format",
			fmt.Sprintf("the body ended too early: %s", progress(got, declared)))
	default:
		return newProblem(http.StatusBadRequest, stanza.Modify, "bad-format",
			"the body could not be read: its chunks are malformed")
	}
}

func progress(got int, declared int64) string {
	if declared < 0 {
		return fmt.Sprintf("%d bytes came, without an end", got)
	}
	return fmt.Sprintf("%d of %d bytes came", got, declared)
}
