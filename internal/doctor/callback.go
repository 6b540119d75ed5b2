package doctor

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/restanza/restanza/callback"
	"github.com/restanza/restanza/config"
	"github.com/restanza/restanza/format"
)

// callback sends the probe that the gateway sends at its start.
func (v *visit) callback(ctx context.Context) finding {
	c := &v.c.Callback
	if c.URL == "" {
		return skipped("none is configured")
	}
	origin := origin(c.URL.Reveal())
	began := time.Now()
	answer, err := callback.Probe(ctx, callback.Options{
		URL: c.URL.Reveal(), Domain: v.c.Domain, Timeout: c.Timeout.Std(), Concurrency: 1, Version: v.patient.o.Version,
		Format: format.Named(c.ContentType), Authorization: c.Authorization.Reveal(), Header: c.Header(),
		Resolver: v.patient.o.Resolver,
	})
	took := time.Since(began)
	if err != nil {
		return failed(origin+": "+callback.Explain(err), v.meanwhile())
	}
	if !answer.Date.IsZero() {
		v.callbackAhead, v.callbackDated = ahead(answer.Date, began, took), true
	}
	detail := fmt.Sprintf("%s answers status %d to OPTIONS in %s; stanzas are posted as %s", origin, answer.Status, short(took), answer.Format)
	return warningIf(detail, aboutStatus(answer.Status))
}

// meanwhile says what happens until the callback answers.
func (v *visit) meanwhile() string {
	if c := v.patient.o.Config.Journal; c.Path == config.NoJournal || v.c.Callback.MaxAge == 0 {
		return "meanwhile senders get the error recipient-unavailable, until the callback answers"
	}
	return fmt.Sprintf("meanwhile messages wait, for %s at most, and for other stanzas senders get the error recipient-unavailable", v.c.Callback.MaxAge)
}

// aboutStatus says what to look at when a callback answers the probe with this
// status. Many frameworks don't know OPTIONS, which says nothing about stanzas.
func aboutStatus(status int) []string {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return []string{"it may refuse stanzas too: check user and password in the URL, or authorization"}
	case status == http.StatusNotFound:
		return []string{"there may be nothing at the URL's path: check it, unless your program answers POST only"}
	case status >= 300 && status <= 399:
		return []string{"redirects are not followed, and senders would get an error: write the URL that it redirects to"}
	case status >= 500 && status != http.StatusNotImplemented:
		return []string{"your program, or a proxy before it, fails: look into its log"}
	}
	return nil
}

// origin returns what may be shown of a callback's URL.
func origin(template string) string {
	u, err := url.Parse(template)
	if err != nil {
		return "the callback"
	}
	return u.Scheme + "://" + u.Host
}

// short writes how long something took.
func short(d time.Duration) string {
	if d < 10*time.Millisecond {
		return d.Round(10 * time.Microsecond).String()
	}
	return d.Round(time.Millisecond).String()
}
