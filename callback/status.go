package callback

import (
	"cmp"
	"fmt"
	"net/http"

	"github.com/restanza/restanza/stanza"
)

// condition is the stanza error that an HTTP status stands for.
type condition struct {
	errorType stanza.ErrorType
	name      stanza.Condition
}

// conditions maps the statuses of a callback to stanza errors, as mod_rest
// does. For all others see otherStatus.
var conditions = map[int]condition{
	400: {stanza.Modify, stanza.BadRequest},
	401: {stanza.Auth, stanza.NotAuthorized},
	402: {stanza.Auth, stanza.PaymentRequired},
	403: {stanza.Auth, stanza.Forbidden},
	404: {stanza.Cancel, stanza.ItemNotFound},
	405: {stanza.Cancel, stanza.NotAllowed},
	406: {stanza.Modify, stanza.NotAcceptable},
	407: {stanza.Auth, stanza.RegistrationRequired},
	408: {stanza.Wait, stanza.RemoteServerTimeout},
	409: {stanza.Cancel, stanza.Conflict},
	410: {stanza.Cancel, stanza.Gone},
	411: {stanza.Modify, stanza.BadRequest},
	412: {stanza.Cancel, stanza.Conflict},
	413: {stanza.Modify, stanza.ResourceConstraint},
	414: {stanza.Modify, stanza.ResourceConstraint},
	415: {stanza.Cancel, stanza.FeatureNotImplemented},
	416: {stanza.Modify, stanza.BadRequest},
	422: {stanza.Modify, stanza.BadRequest},
	423: {stanza.Wait, stanza.ResourceConstraint},
	429: {stanza.Wait, stanza.ResourceConstraint},
	431: {stanza.Modify, stanza.ResourceConstraint},
	451: {stanza.Auth, stanza.Forbidden},
	500: {stanza.Wait, stanza.InternalServerError},
	501: {stanza.Cancel, stanza.FeatureNotImplemented},
	502: {stanza.Wait, stanza.RemoteServerTimeout},
	503: {stanza.Cancel, stanza.ServiceUnavailable},
	504: {stanza.Wait, stanza.RemoteServerTimeout},
	507: {stanza.Wait, stanza.ResourceConstraint},
	511: {stanza.Auth, stanza.NotAuthorized},
}

// otherStatus is the stanza error for every status that conditions does not
// name: 3xx, since redirects are not followed, and the rest of 4xx and 5xx.
var otherStatus = condition{stanza.Cancel, stanza.UndefinedCondition}

// phrases are reason phrases that package http has in an older wording than
// mod_rest writes.
var phrases = map[int]string{
	413: "Payload Too Large",
	414: "URI Too Long",
	416: "Range Not Satisfiable",
}

// statusError returns the stanza error for a status. Its text is the number and
// the registered reason phrase, whatever phrase the callback sent.
func statusError(status int) *stanza.Error {
	c, ok := conditions[status]
	if !ok {
		c = otherStatus
	}
	phrase := cmp.Or(phrases[status], http.StatusText(status), "Unassigned")
	return &stanza.Error{Type: c.errorType, Condition: c.name, Text: fmt.Sprintf("%03d %s", status, phrase)}
}

// success reports whether a status is 2xx.
func success(status int) bool { return status >= 200 && status <= 299 }
