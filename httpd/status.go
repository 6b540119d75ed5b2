package httpd

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/restanza/restanza/stanza"
)

// outcome is how the door words a refusal: the HTTP status, and the type and
// condition that stand in the document. The conditions are those of mod_rest,
// most of which are stream error conditions (RFC 6120 §4.9.3).
type outcome struct {
	status    int
	errorType stanza.ErrorType
	condition string
}

// outcomes has the answer to each stanza.Reason. Where mod_rest says 500 for
// what is no fault of the gateway (no answer, an id in use, too many queries)
// it says what HTTP has for the case.
var outcomes = map[stanza.Reason]outcome{
	stanza.NotWellFormed:         {http.StatusBadRequest, stanza.Modify, "not-well-formed"},
	stanza.TooLarge:              {http.StatusRequestEntityTooLarge, stanza.Modify, "resource-constraint"},
	stanza.InvalidNamespace:      {http.StatusUnprocessableEntity, stanza.Modify, "invalid-namespace"},
	stanza.UnsupportedStanzaType: {http.StatusUnprocessableEntity, stanza.Modify, "unsupported-stanza-type"},
	stanza.ImproperAddressing:    {http.StatusUnprocessableEntity, stanza.Modify, "improper-addressing"},
	stanza.InvalidFrom:           {http.StatusUnprocessableEntity, stanza.Modify, "invalid-from"},
	stanza.ForeignSender:         {http.StatusForbidden, stanza.Auth, "not-authorized"},
	stanza.InvalidIQType:         {http.StatusUnprocessableEntity, stanza.Modify, "invalid-xml"},
	stanza.InvalidIQPayload:      {http.StatusUnprocessableEntity, stanza.Modify, "bad-format"},
	stanza.IDConflict:            {http.StatusConflict, stanza.Modify, "conflict"},
	stanza.AnswerTimeout:         {http.StatusGatewayTimeout, stanza.Wait, "remote-server-timeout"},
	stanza.LinkUnavailable:       {http.StatusServiceUnavailable, stanza.Wait, "service-unavailable"},
	stanza.TooManyOutstanding:    {http.StatusServiceUnavailable, stanza.Wait, "resource-constraint"},
	stanza.CallerTooSlow:         {http.StatusServiceUnavailable, stanza.Wait, "resource-constraint"},
	stanza.NotKept:               {http.StatusServiceUnavailable, stanza.Wait, "resource-constraint"},
	stanza.NotAsked:              {http.StatusNotFound, stanza.Cancel, "item-not-found"},
	stanza.Poisonous:             {http.StatusUnprocessableEntity, stanza.Modify, "policy-violation"},
}

// problemFor returns the answer to a refusal, nil if the table has none.
func problemFor(r *stanza.Refusal) *problem {
	o, ok := outcomes[r.Reason]
	if !ok {
		return nil
	}
	p := newProblem(o.status, o.errorType, o.condition, r.Text)
	p.place = r.Place
	if o.status == http.StatusServiceUnavailable {
		p.retryAfter = time.Second // the least that can be said
	}
	return p
}

// internalProblem is the answer to what nobody outside should read.
func internalProblem(id string) *problem {
	p := newProblem(http.StatusInternalServerError, stanza.Wait, "internal-server-error",
		fmt.Sprintf("the gateway has a fault; its log says more under %s", id))
	p.instance = id
	return p
}

// retryAfterOf returns what an error's chain says about when to try again.
func retryAfterOf(err error) time.Duration {
	type patient interface {
		error
		RetryAfter() time.Duration
	}
	if p, ok := errors.AsType[patient](err); ok {
		return p.RetryAfter()
	}
	return 0
}

// conditionStatus has the HTTP status for each condition of a stanza error that
// is returned to a caller with "Prefer: handling=strict". It is the way back of
// the table by which a callback's HTTP status becomes a stanza error, so that a
// status can pass through XMPP unharmed, except that
//   - 401 and 407 need a challenge, and 405 a list of methods, which nobody has
//     here: 403;
//   - 500 means a fault of this gateway: another entity's fault is 502;
//   - what names nobody at that address is 404, what is so for now 503.
var conditionStatus = map[stanza.Condition]int{
	stanza.BadRequest:            http.StatusBadRequest,
	stanza.Conflict:              http.StatusConflict,
	stanza.FeatureNotImplemented: http.StatusNotImplemented,
	stanza.Forbidden:             http.StatusForbidden,
	stanza.Gone:                  http.StatusGone,
	stanza.InternalServerError:   http.StatusBadGateway,
	stanza.ItemNotFound:          http.StatusNotFound,
	stanza.JIDMalformed:          http.StatusBadRequest,
	stanza.NotAcceptable:         http.StatusNotAcceptable,
	stanza.NotAllowed:            http.StatusForbidden,
	stanza.NotAuthorized:         http.StatusForbidden,
	stanza.PaymentRequired:       http.StatusPaymentRequired,
	stanza.PolicyViolation:       http.StatusForbidden,
	stanza.RecipientUnavailable:  http.StatusServiceUnavailable,
	stanza.Redirect:              http.StatusNotFound, // the other address is no URL to follow
	stanza.RegistrationRequired:  http.StatusForbidden,
	stanza.RemoteServerNotFound:  http.StatusNotFound,
	stanza.RemoteServerTimeout:   http.StatusGatewayTimeout,
	stanza.ResourceConstraint:    http.StatusTooManyRequests,
	stanza.ServiceUnavailable:    http.StatusServiceUnavailable,
	stanza.SubscriptionRequired:  http.StatusForbidden,
	stanza.UndefinedCondition:    http.StatusBadGateway,
	stanza.UnexpectedRequest:     http.StatusBadRequest,
}

// statusOf returns the HTTP status for a stanza error; nil stands for an error
// without an error element.
func statusOf(e *stanza.Error) int {
	if e != nil {
		if status, ok := conditionStatus[e.Condition]; ok {
			return status
		}
	}
	return http.StatusBadGateway
}
