package httpd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/coder/websocket"

	"github.com/restanza/restanza/format"
	"github.com/restanza/restanza/gateway"
	"github.com/restanza/restanza/jsonmap"
	"github.com/restanza/restanza/stanza"
)

// frameRoom is how many bytes of a WebSocket message there may be beside a stanza.
const frameRoom = 4 << 10

// socket writes events to a WebSocket, and takes stanzas from it.
func (f *feed) socket(w http.ResponseWriter, r *http.Request) int {
	if r.Header.Get("Upgrade") == "" {
		p := newProblem(http.StatusUpgradeRequired, stanza.Modify, "not-allowed", "a WebSocket is wanted here; "+eventsPath+".ndjson is the same as a stream of lines")
		p.header = http.Header{"Upgrade": {"websocket"}, "Connection": {"Upgrade"}} // RFC 9110 §15.5.22
		return f.s.refuse(w, r, p)
	}
	if !f.s.isFriend(r) {
		return f.s.refuse(w, r, newProblem(http.StatusForbidden, stanza.Auth, "not-authorized",
			"pages of this origin may not connect: name it in http.cors_origins"))
	}
	// The origin is checked above, for the same list as all other requests.
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return http.StatusBadRequest // Accept has answered
	}
	defer conn.CloseNow() //nolint:errcheck // it may be closed already
	conn.SetReadLimit(int64(f.grant.bodyLimit) + frameRoom)
	ctx := f.reading.ctx
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.reading.cancel(f.takeFrames(ctx, conn))
	}()
	err = f.writeFrames(ctx, conn)
	closeSocket(conn, err)
	<-done
	return http.StatusSwitchingProtocols
}

// isFriend reports whether a request comes from no web page, from one of this host, or from one
// of an origin that the operator has named.
func (s *Server) isFriend(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" || slices.Contains(s.o.CORSOrigins, "*") || slices.Contains(s.o.CORSOrigins, origin) {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host == r.Host
}

// writeFrames writes events, each as a message, until something ends.
func (f *feed) writeFrames(ctx context.Context, conn *websocket.Conn) error {
	if err := writeFrame(ctx, conn, f.opening().append(nil)); err != nil {
		return err
	}
	for {
		list, n, err := f.next()
		if err != nil {
			return err
		}
		if n != nil {
			err = writeFrame(ctx, conn, n.append(nil))
		}
		for _, e := range list {
			if err == nil {
				err = writeFrame(ctx, conn, f.s.given(e, f.query.xml))
			}
		}
		if err != nil {
			return err
		}
	}
}

// writeFrame writes a message. The end of ctx does not break it off, since that would close the
// connection before it can be said why.
func writeFrame(ctx context.Context, conn *websocket.Conn, b []byte) error {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), eventTime, errNotTaken)
	defer cancel()
	if err := conn.Write(ctx, websocket.MessageText, b); err != nil {
		return fmt.Errorf("%w: %w", errNotTaken, err)
	}
	return nil
}

// frameError is what is wrong with a message of a WebSocket, which ends it.
type frameError struct {
	code websocket.StatusCode
	text string
}

func (e *frameError) Error() string { return e.text }

// closeSocket tells the reader why it is over, as far as a WebSocket can.
func closeSocket(conn *websocket.Conn, err error) {
	code, text := websocket.StatusNormalClosure, ""
	wrong, isWrong := errors.AsType[*frameError](err)
	switch end, there := endOf(err); {
	case isWrong:
		code, text = wrong.code, wrong.text
	case errors.Is(err, errRevoked), errors.Is(err, errExpired):
		code, text = websocket.StatusPolicyViolation, end
	case errors.Is(err, errStopping):
		code, text = websocket.StatusGoingAway, end
	case there:
		code, text = websocket.StatusTryAgainLater, end
	}
	if len(text) > maxReason {
		text = text[:maxReason]
	}
	_ = conn.Close(code, text) // the other side may be gone
}

// maxReason is how long the reason of a closed WebSocket may be (RFC 6455 §5.5).
const maxReason = 123

// frame is what a reader may send: a stanza, with a word by which it knows the answer, or the ids of
// events that it acknowledges.
type frame struct {
	Ref    string          `json:"ref"`
	Stanza json.RawMessage `json:"stanza"`
	Ack    ackList         `json:"ack"`
}

// takeFrames reads what the reader sends, until that ends or conn is closed.
func (f *feed) takeFrames(ctx context.Context, conn *websocket.Conn) error {
	for {
		kind, b, err := conn.Read(context.WithoutCancel(ctx))
		if err != nil {
			if errors.Is(err, websocket.ErrMessageTooBig) {
				return &frameError{websocket.StatusMessageTooBig, fmt.Sprintf("a message has at most %d bytes", f.grant.bodyLimit+frameRoom)}
			}
			return context.Canceled // gone
		}
		var m frame
		if kind != websocket.MessageText || json.Unmarshal(b, &m) != nil || (m.Stanza == nil) == (m.Ack == nil) || len(m.Ref) > maxRef {
			return &frameError{websocket.StatusUnsupportedData, `a message is a JSON object with a "stanza" or an "ack", and perhaps a "ref" of at most 200 bytes`}
		}
		if m.Ack != nil {
			err = f.takeAck(ctx, conn, &m)
		} else {
			err = writeFrame(ctx, conn, f.submit(ctx, &m).append(nil))
		}
		if err != nil {
			return err
		}
	}
}

// maxRef is how many bytes the word has by which a reader knows an answer.
const maxRef = 200

// takeAck acknowledges what the reader says. Only what is wrong is answered.
func (f *feed) takeAck(ctx context.Context, conn *websocket.Conn, m *frame) error {
	err := f.source.Acknowledge(ctx, m.Ack...)
	if err == nil {
		return nil
	}
	return writeFrame(ctx, conn, f.refused(m, eventProblem(err)).append(nil))
}

// submit sends a reader's stanza as a POST to /rest would.
func (f *feed) submit(ctx context.Context, m *frame) *notice {
	st, err := f.parse(m.Stanza)
	if err == nil && st.IsRequest() {
		err = &stanza.Refusal{Reason: stanza.InvalidIQType, Text: "a question has an answer: ask it by POST /rest"}
	}
	if err == nil {
		err = f.permit(st)
	}
	var answer stanza.Stanza
	if err == nil {
		answer, err = f.grant.component.Submit(ctx, f.grant.identity, st, gateway.SubmitOptions{Wait: -1})
	}
	if _, queued := errors.AsType[*gateway.Queued](err); queued || err == nil && answer.IsZero() {
		return &notice{Event: eventAccepted, Ref: m.Ref}
	}
	if err == nil {
		e := answer.Err()
		return &notice{Event: eventRefused, Ref: m.Ref, Status: statusOf(e), Condition: string(e.Condition), Text: e.Text}
	}
	return f.refused(m, err)
}

// permit refuses a stanza that the credential is not good for, or not so soon.
func (f *feed) permit(st stanza.Stanza) error {
	if l := f.grant.scope.MaySend(st); l != nil {
		return forbidden(l)
	}
	if f.grant.bucket != nil {
		if _, p := f.grant.take(); p != nil {
			return p
		}
	}
	return nil
}

// refused says what is wrong with what the reader has sent.
func (f *feed) refused(m *frame, err error) *notice {
	p := f.s.problemOf(err)
	return &notice{Event: eventRefused, Ref: m.Ref, Status: p.status, Condition: p.condition, Text: printable(p.text)}
}

// parse reads a stanza, which is an object in JSON or a text in XML.
func (f *feed) parse(doc json.RawMessage) (stanza.Stanza, error) {
	var text string
	if json.Unmarshal(doc, &text) == nil {
		return stanza.Parse([]byte(text))
	}
	e := jsonmap.Envelope{}
	if f.s.o.StrictJSON {
		return format.StrictJSON.Parse(doc, e)
	}
	return format.JSON.Parse(doc, e)
}
