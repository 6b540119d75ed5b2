package doctor

import (
	"context"
	"errors"
	"net/http"

	"github.com/restanza/restanza/stream"
)

// rightPort is what to try if it is not the component port that was called.
const rightPort = "component.server, or --server, must name the server's component port; 5222, 5269, 5280 and 443 are for others"

// aboutHandshake explains a handshake that failed, and says what to try beside
// what the link's own explanation says.
func (v *visit) aboutHandshake(ctx context.Context, err error) finding {
	e, ok := errors.AsType[*stream.Error](err)
	switch {
	case !ok && speaksHTTP(ctx, v.c.Server):
		return failed("an HTTP server answers at "+v.c.Server+", and no XMPP server", rightPort)
	case !ok:
		return failed(v.explain(err), rightPort)
	}
	return failed(v.explain(err), aboutCondition(e.Condition)...)
}

func aboutCondition(c stream.Condition) []string {
	switch c {
	case stream.Conflict:
		return []string{"already connected: is a Restanza running? Give doctor the http.listen of that one, and it asks there instead"}
	case stream.NotAuthorized:
		return []string{"both sides must have the secret to the letter: no blank or line break more, and quotes only where the file's syntax wants them"}
	case stream.HostUnknown:
		return []string{"compare the domain with the server's configuration, letter by letter", "a port for clients says the same: " + rightPort}
	}
	return []string{rightPort}
}

// speaksHTTP reports whether an HTTP server answers at an address. One that waits
// for the end of a line has nothing to say to an XMPP stream's beginning.
func speaksHTTP(ctx context.Context, address string) bool {
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	status, _ := get(ctx, client, "http://"+address+"/")
	return status != 0
}
