package httpd

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

// padded is a message of exactly n bytes.
func padded(n int) string {
	const start, end = `<message to="a@b"><body>`, `</body></message>`
	return start + strings.Repeat("x", n-len(start)-len(end)) + end
}

func TestBody_limitIsInclusive(t *testing.T) {
	s := newTestServer(t, newFake(), nil)
	for _, chunked := range []bool{false, true} {
		for size, want := range map[int]int{
			100:                  http.StatusAccepted,
			firstRead:            http.StatusAccepted,
			firstRead + 1:        http.StatusAccepted,
			DefaultBodyLimit - 1: http.StatusAccepted,
			DefaultBodyLimit:     http.StatusAccepted,
			DefaultBodyLimit + 1: http.StatusRequestEntityTooLarge,
			5 * DefaultBodyLimit: http.StatusRequestEntityTooLarge,
		} {
			r := newPost(padded(size))
			if chunked {
				r.ContentLength = -1
			}
			w := do(s, r)
			if w.Code != want {
				t.Errorf("%d bytes, chunked %v: got %d, want %d", size, chunked, w.Code, want)
			}
			if want != http.StatusAccepted && !strings.Contains(w.Body.String(), "196608") {
				t.Errorf("the document does not name the limit: %s", w.Body)
			}
		}
	}
}

// countingReader counts what is read of an endless body.
type countingReader struct{ n int }

func (r *countingReader) Read(p []byte) (int, error) {
	r.n += len(p)
	return len(p), nil
}

func TestBody_tooLargeIsNotRead(t *testing.T) {
	s := newTestServer(t, newFake(), nil)
	body := &countingReader{}
	r := newPost("")
	r.Body, r.ContentLength = io.NopCloser(body), 1<<40
	if w := do(s, r); w.Code != http.StatusRequestEntityTooLarge || body.n != 0 {
		t.Errorf("declared: got %d after %d bytes", w.Code, body.n)
	}
	r.Body, r.ContentLength = io.NopCloser(body), -1
	if w := do(s, r); w.Code != http.StatusRequestEntityTooLarge || body.n > DefaultBodyLimit+1 {
		t.Errorf("chunked: got %d after %d bytes", w.Code, body.n)
	}
}

func TestReadBody_growsAsTheBodyComes(t *testing.T) {
	r := newPost("")
	r.ContentLength = DefaultBodyLimit
	r.Body = io.NopCloser(io.MultiReader(strings.NewReader("<message"), iotest.ErrReader(errors.New("cut"))))
	got, p := readBody(make([]byte, 0, firstRead), r, DefaultBodyLimit)
	if p == nil || cap(got) > firstRead {
		t.Errorf("a declared length alone took %d bytes of memory", cap(got))
	}
}

func TestReadBody_anyPortions(t *testing.T) {
	want := padded(50_000)
	for name, portions := range map[string]func(io.Reader) io.Reader{
		"bytes": iotest.OneByteReader, "halves": iotest.HalfReader, "error with data": iotest.DataErrReader,
	} {
		r := newPost("")
		r.ContentLength = -1
		r.Body = io.NopCloser(portions(strings.NewReader(want)))
		got, p := readBody(nil, r, len(want))
		if p != nil || string(got) != want {
			t.Errorf("%s: got %d bytes and %v", name, len(got), p)
		}
	}
}

func TestBody_broken(t *testing.T) {
	s := newTestServer(t, newFake(), nil)
	for err, want := range map[error]string{
		io.ErrUnexpectedEOF:                "9 of 90 bytes came",
		errors.New("invalid chunk length"): "malformed",
	} {
		r := newPost("")
		r.ContentLength = 90
		r.Body = io.NopCloser(io.MultiReader(strings.NewReader("<message>"), iotest.ErrReader(err)))
		w := do(s, r)
		if got := readProblem(t, w); w.Code != http.StatusBadRequest || !strings.Contains(got.Text, want) {
			t.Errorf("%v: got %d %s, want 400 with %q", err, w.Code, w.Body, want)
		}
	}
}
