package httpd

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"github.com/restanza/restanza/format"
	"github.com/restanza/restanza/stanza"
)

// streamPiece is about how much of a streamed answer is written at once.
const streamPiece = 32 << 10

// archive is an archive query (XEP-0313) that is being answered. Its results come
// while it waits; as long as they are few they are kept, so that the answer can be
// sent whole, and an error as what it is. When they become too many the answer
// begins, and is sent as they come.
type archive struct {
	s       *Server
	w       http.ResponseWriter
	r       *http.Request
	control *http.ResponseController
	format  *format.Format // of several stanzas
	prefs   preferences
	x       *Exchange
	query   stanza.Stanza
	results *results

	done   chan struct{} // closed once answer and err are there
	answer stanza.Stanza
	err    error
}

// search answers an archive query, and returns the status.
func (s *Server) search(w http.ResponseWriter, r *http.Request, g *grant, st stanza.Stanza, x *Exchange) int {
	// An error that ends the answer has the id and the addresses of what is sent.
	query, err := g.component.Complete(g.identity, st)
	if err != nil {
		x.fail(err)
		return s.fail(w, r, err)
	}
	a := &archive{
		s: s, w: w, r: r, control: http.NewResponseController(w),
		format: s.wrapping(s.answerFormat(r.Header, query)), prefs: preferencesOf(r.Header), x: x,
		query: query, results: newResults(&s.resultBytes), done: make(chan struct{}),
	}
	ctx, cancel := context.WithCancel(r.Context())
	go a.submit(ctx, g)
	defer func() {
		cancel()
		<-a.done
		a.results.drop()
	}()
	if a.hold() {
		return a.sendWhole()
	}
	return a.stream()
}

// wrapping returns the format in which several stanzas are written. Form and text
// have no way to do it: what takes a form takes JSON, and what takes text takes XML.
func (s *Server) wrapping(f *format.Format) *format.Format {
	switch f {
	case format.Form, format.StrictForm:
		return s.profiled(format.JSON)
	case format.Text:
		return format.XML
	}
	return f
}

// submit asks the archive.
func (a *archive) submit(ctx context.Context, g *grant) {
	defer close(a.done)
	defer func() {
		if v := recover(); v != nil {
			a.s.metrics.panics.Inc()
			a.err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	a.answer, a.err = g.component.Search(ctx, g.identity, a.query, a.prefs.wait, a.results)
}

// hold waits for the answer, and reports whether it came before the results became
// too many.
func (a *archive) hold() bool {
	for {
		select {
		case <-a.results.wake:
			if a.results.waiting() > heldResults {
				return false
			}
			a.mayWait()
		case <-a.done:
			return a.results.waiting() <= heldResults
		}
	}
}

// mayWait extends the connection's time for the wait for the next result, after
// which the answer must be written. It fails only where nothing limits it.
func (a *archive) mayWait() {
	_ = a.control.SetWriteDeadline(time.Now().Add(a.s.o.LongestWait + writingTime))
}

// sendWhole sends an answer whose results are all there: alone if there are none,
// or if it is an error.
func (a *archive) sendWhole() int {
	if a.err != nil {
		a.x.fail(a.err)
		if hungUp(a.r.Context()) {
			return statusHungUp
		}
		return a.s.fail(a.w, a.r, a.err)
	}
	if a.answer.IsZero() { // nothing to tell
		a.w.WriteHeader(http.StatusAccepted)
		return http.StatusAccepted
	}
	a.x.answered(a.answer)
	if applied := a.prefs.applied(a.query, a.answer); applied != "" {
		a.w.Header()["Preference-Applied"] = []string{applied}
	}
	failed := a.answer.Type() == stanza.TypeError
	if failed || a.results.waiting() == 0 {
		status := http.StatusOK
		if failed && a.prefs.strict {
			status = statusOf(a.answer.Err())
		}
		a.s.sendStanza(a.w, a.r, status, a.answer)
		return status
	}
	buf := getBuffer()
	defer putBuffer(buf)
	*buf = append(*buf, a.format.Wrapper().Open...)
	*buf = a.appendResults(*buf, a.results.take(nil, heldResults+1))
	*buf = a.appendLast(*buf, a.answer)
	a.header()["Content-Length"] = []string{strconv.Itoa(len(*buf))}
	a.w.WriteHeader(http.StatusOK)
	a.s.send(a.w, *buf)
	return http.StatusOK
}

// header returns the header of the response, with what all wrapped answers have.
func (a *archive) header() http.Header {
	h := a.w.Header()
	h["Content-Type"] = a.format.ContentType
	h["X-Content-Type-Options"] = nosniff
	return h
}

// appendResults appends results and what stands between them and what follows: the
// answer at least.
func (a *archive) appendResults(dst []byte, list []stanza.Stanza) []byte {
	for _, st := range list {
		dst = a.format.Append(dst, st)
		dst = append(dst, a.format.Wrapper().Between...)
	}
	return dst
}

func (a *archive) appendLast(dst []byte, answer stanza.Stanza) []byte {
	return append(a.format.Append(dst, answer), a.format.Wrapper().Close...)
}

// stream sends the results as they come, and then the answer. From here on nothing
// can be taken back: if the answer does not come, an error in its place says so.
func (a *archive) stream() (status int) {
	defer func() {
		if v := recover(); v != nil {
			a.s.metrics.panics.Inc()
			a.s.log.Error("http handler panicked", slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
			status = statusHungUp // the response ends in the middle, as a broken one must
		}
	}()
	h := a.header()
	loose := a.prefs
	loose.strict = false                                           // the status is there before the answer
	if applied := loose.applied(a.query, a.query); applied != "" { // no answer yet, but there will be one
		h["Preference-Applied"] = []string{applied}
	}
	a.w.WriteHeader(http.StatusOK)

	buf := getBuffer()
	defer putBuffer(buf)
	*buf = append(*buf, a.format.Wrapper().Open...)
	if !a.sendResults(buf) {
		return statusHungUp
	}
	last := a.answer
	if a.err != nil {
		a.x.fail(a.err)
		if hungUp(a.r.Context()) {
			return statusHungUp
		}
		last = a.brokenOff()
	}
	a.x.answered(last)
	*buf = a.appendLast(*buf, last)
	if !a.push(buf) {
		return statusHungUp
	}
	return http.StatusOK
}

// sendResults sends results until the query has ended, through buf, and reports
// whether the caller is still there. A little may be left in buf.
func (a *archive) sendResults(buf *[]byte) bool {
	var list []stanza.Stanza
	for {
		list = a.results.take(list[:0], streamPiece)
		*buf = a.appendResults(*buf, list)
		clear(list)
		if len(list) > 0 {
			if len(*buf) >= streamPiece && !a.push(buf) {
				return false
			}
			continue
		}
		select {
		case <-a.results.wake:
			continue
		case <-a.done:
			if a.results.waiting() == 0 {
				return true
			}
			continue
		default:
		}
		if len(*buf) > 0 && !a.push(buf) {
			return false
		}
		select {
		case <-a.results.wake:
		case <-a.done:
		}
	}
}

// push sends what is in buf, and reports whether the caller is still there: he has
// as much time for reading it as for a whole answer.
func (a *archive) push(buf *[]byte) bool {
	_ = a.control.SetWriteDeadline(time.Now().Add(writingTime)) // as in mayWait
	_, err := a.w.Write(*buf)
	if err == nil {
		err = a.control.Flush()
	}
	a.mayWait()
	if cap(*buf) > keptBuffer { // a large result has been in it
		*buf = make([]byte, 0, keptBuffer)
	}
	*buf = (*buf)[:0]
	if err != nil {
		a.s.log.Debug("http answer not written", slog.Any("error", err))
		a.x.fail(err)
	}
	return err == nil
}

// brokenOff returns the answer that stands for one that does not come.
func (a *archive) brokenOff() stanza.Stanza {
	p := a.s.problemOf(a.err)
	condition := stanza.Condition(p.condition)
	if !slices.Contains(stanza.Conditions(), condition) {
		condition = stanza.UndefinedCondition
	}
	answer, _ := a.query.ErrorReply(&stanza.Error{Type: p.errorType, Condition: condition, Text: printable(p.text)})
	return answer
}
