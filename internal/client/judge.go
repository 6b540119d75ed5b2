package client

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/restanza/restanza/element"
	"github.com/restanza/restanza/stanza"
)

// judge says what a whole response means.
func (c *Client) judge(resp response) (Answer, error) {
	status, body := resp.status, resp.body
	answer := Answer{Status: status}
	good := status >= http.StatusOK && status < http.StatusMultipleChoices
	if status >= http.StatusMultipleChoices && status < http.StatusBadRequest {
		return answer, redirected(status, resp.header.Get("Location"))
	}
	if good && len(bytes.TrimSpace(body)) == 0 {
		if status == http.StatusAccepted {
			answer.Queued = c.below(resp.header.Get("Location"))
		}
		return answer, nil
	}
	st, ok := stanzaIn(body)
	switch {
	case ok && st.Type() == stanza.TypeError:
		return answer, returned(status, st)
	case ok && good:
		answer.Stanza, answer.XML = st, string(body)
		return answer, nil
	case good:
		return answer, &Error{
			Kind: Failed, Status: status, Text: "the answer is no stanza",
			Hint: "is there a gateway at " + c.url.String() + "?",
		}
	}
	doc := readDocument(resp.header.Get("Content-Type"), body)
	return answer, &Error{
		Kind: kindOf(status, doc), Status: status,
		Condition: doc.condition, Type: doc.errorType, Text: doc.text, Hint: c.hint(status),
	}
}

// below returns a Location as an address of the gateway, without a way to harm a terminal;
// empty if there is none, or it can't be read. A gateway does not know in which folder a
// proxy shows its /rest.
func (c *Client) below(location string) string {
	if location == "" {
		return ""
	}
	if path, ok := strings.CutPrefix(location, "/rest/"); ok {
		return Printable(c.url.JoinPath(path).String())
	}
	u, err := c.url.Parse(location)
	if err != nil {
		return ""
	}
	return Printable(u.Redacted())
}

// kindOf tells the kinds of error document apart.
//
// COMPAT(prosody 0.12): mod_rest has 500 for a query without an answer and for an id
// that is in use; the condition tells.
func kindOf(status int, doc document) Kind {
	if status == http.StatusInternalServerError {
		switch stanza.Condition(doc.condition) {
		case stanza.RemoteServerTimeout:
			return NoAnswer
		case stanza.Conflict:
			return Refused
		default:
			return Failed
		}
	}
	switch {
	case status == http.StatusGatewayTimeout:
		return NoAnswer
	case status < http.StatusInternalServerError:
		return Refused
	default:
		return Failed
	}
}

// redirected is the error of a response that points elsewhere. The credential stays
// here. Of the other address the host and the path are shown: the rest may be secret.
func redirected(status int, location string) *Error {
	e := &Error{Kind: Failed, Status: status, Text: "the URL leads elsewhere, and redirects are not followed"}
	if u, err := url.Parse(location); err == nil && u.Host != "" {
		e.Hint = Printable(fmt.Sprintf("if you trust it, give this URL instead: %s://%s%s", u.Scheme, u.Host, u.EscapedPath()))
	}
	return e
}

// returned is the error of a stanza that came back.
func returned(status int, st stanza.Stanza) *Error {
	e := &Error{Kind: Returned, Status: status, Condition: string(stanza.UndefinedCondition), XML: st.String()}
	if se := st.Err(); se != nil {
		e.Condition, e.Type, e.Text = string(se.Condition), Printable(string(se.Type)), Printable(se.Text)
	}
	switch stanza.Condition(e.Condition) {
	case stanza.ServiceUnavailable, stanza.ItemNotFound, stanza.RecipientUnavailable:
		e.Hint = "check the address, and whether somebody is there"
	case stanza.RemoteServerNotFound:
		e.Hint = "check the domain of the address"
	default: // the condition says it
	}
	return e
}

// answerLimits bound what of a response is taken for XML.
var answerLimits = element.Limits{Bytes: maxAnswer}

// stanzaIn reads the stanza of a body. Of several in an <xmpp> element, which mod_rest
// makes of a query to an archive, it is the last: the query's answer.
func stanzaIn(body []byte) (stanza.Stanza, bool) {
	if st, err := stanza.ParseReply(body); err == nil {
		full, err := stanza.Parse(body)
		if err != nil {
			return st, true // with addresses that can't be read: they are not needed
		}
		return full, true
	}
	el, err := element.NewScanner(answerLimits, element.Scope{}).Document(body)
	if err != nil || string(el.Local) != "xmpp" || len(el.Children) == 0 {
		return stanza.Stanza{}, false
	}
	st, err := stanza.ParseReply(el.Children[len(el.Children)-1].Raw)
	return st, err == nil
}
