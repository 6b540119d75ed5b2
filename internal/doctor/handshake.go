package doctor

import (
	"errors"

	"github.com/restanza/restanza/stream"
)

// aboutHandshake says what to try after a handshake that failed, beside what the
// explanation of the error says.
func aboutHandshake(err error) []string {
	e, ok := errors.AsType[*stream.Error](err)
	if !ok {
		return []string{"component.server, or --server, must name the server's component port; 5222, 5269, 5280 and 443 are for others"}
	}
	switch e.Condition {
	case stream.Conflict:
		return []string{"already connected: is a Restanza running? Give doctor the http.listen of that one, and it asks there instead"}
	case stream.NotAuthorized:
		return []string{"both sides must have the secret to the letter: no blank or line break more, and quotes only where the file's syntax wants them"}
	case stream.HostUnknown:
		return []string{"compare the domain with the server's configuration, letter by letter"}
	}
	return nil
}
