package config

import (
	"cmp"
	"crypto/tls"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/restanza/restanza/access"
	"github.com/restanza/restanza/jid"
)

// Validate checks a whole Config that a program has made. It reads the TLS files, and no others: secrets
// must be filled in. Errors are Errors without Source.
func (c Config) Validate() error {
	d := newDraft("")
	d.config = c
	d.check()
	return d.errors.orNil()
}

// check finds everything that is wrong with the values of a complete configuration.
func (d *draft) check() {
	d.checkBounds()
	d.checkHTTP(d.config.HTTP)
	d.checkJournal(d.config.Journal)
	if len(d.config.Components) == 0 {
		d.fail("component", "missing; name one by [[component]] in the file, by --component or by RESTANZA_COMPONENT")
		return
	}
	for i := range d.config.Components {
		d.checkComponent(index("component", i), &d.config.Components[i])
	}
	d.checkDistinct()
	slices.SortStableFunc(d.errors, func(a, b *Error) int { return a.Line - b.Line })
}

// checkBounds compares everything with the bounds in the table of settings.
func (d *draft) checkBounds() {
	for _, s := range Settings() {
		eachField(&d.config, s.Key, func(path string, v value) {
			switch f := v.field.(type) {
			case *Duration:
				most := cmp.Or(s.Most, MaxDuration)
				if (*f < MinDuration || *f > most) && (*f != 0 || !s.Zero) {
					d.fail(path, "%s is out of bounds: %s to %s", f, MinDuration, most)
				}
			case *int:
				if *f < s.Min || *f > s.Max {
					d.fail(path, "%d is out of bounds: %d to %d", *f, s.Min, s.Max)
				}
			case *string:
				if s.Values != nil {
					d.checkWord(path, *f, s.Values)
				}
			case *[]string:
				if s.Values != nil {
					d.checkWords(path, *f, s.Values)
				}
			}
		})
	}
}

func (d *draft) checkWord(path, word string, words []string) {
	if !slices.Contains(words, word) {
		d.fail(path, "%q is none of %s%s", word, strings.Join(words, ", "), didYouMean(nearest(word, words)))
	}
}

func (d *draft) checkWords(path string, list, words []string) {
	if len(list) == 0 {
		d.fail(path, "empty; at least one of %s is needed", strings.Join(words, ", "))
	}
	for i, word := range list {
		d.checkWord(path, word, words)
		if slices.Contains(list[:i], word) {
			d.fail(path, "%q stands there twice", word)
		}
	}
}

func (d *draft) checkHTTP(h HTTP) {
	d.checkAdmin("http.admin_authorization", h.AdminAuthorization)
	if wrong := checkHostPort(h.Listen, false, 0); wrong != "" {
		d.fail("http.listen", "%s", wrong)
	}
	for _, origin := range h.CORSOrigins {
		if wrong := checkOrigin(origin); wrong != "" {
			d.fail("http.cors_origins", "%q %s", origin, wrong)
		}
	}
	switch {
	case h.TLSCertificate == "" && h.TLSKey == "":
	case h.TLSKey == "":
		d.fail("http.tls_key", "missing; tls_certificate needs it")
	case h.TLSCertificate == "":
		d.fail("http.tls_certificate", "missing; tls_key needs it")
	default:
		if _, err := tls.LoadX509KeyPair(h.TLSCertificate, h.TLSKey); err != nil {
			d.fail("http.tls_certificate", "%s", err)
		}
	}
}

// checkJournal finds a path at which there can be no file.
func (d *draft) checkJournal(j Journal) {
	if j.Path == "" || j.Path == NoJournal {
		return
	}
	folder := filepath.Dir(j.Path)
	if info, err := os.Stat(folder); err != nil {
		d.fail("journal.path", "its folder can't be used: %s", err)
	} else if !info.IsDir() {
		d.fail("journal.path", "%s is no folder", folder)
	}
	if info, err := os.Stat(j.Path); err == nil && !info.Mode().IsRegular() {
		d.fail("journal.path", "%s is no file", j.Path)
	}
}

func (d *draft) checkComponent(path string, c *Component) {
	switch {
	case c.Domain.IsZero():
		d.fail(path+".domain", "missing; the domain of the component, as the XMPP server knows it")
	case c.Domain != c.Domain.DomainJID():
		d.fail(path+".domain", "%q is an address; write its domain, %q", c.Domain, c.Domain.Domain())
	}
	if wrong := checkHostPort(c.Server, true, 1); wrong != "" {
		d.fail(path+".server", "%s", wrong)
	}
	if c.Secret == "" {
		d.fail(path+".secret", "missing; set it, or secret_file")
	}
	d.checkWaits(path, c)
	if len(c.Credentials) == 0 && c.Callback.URL == "" && d.config.HTTP.AdminAuthorization == "" {
		d.fail(path+".credential", "missing; without a credential nobody can send, and without callback.url nothing is received")
	}
	for i := range c.Credentials {
		d.checkCredential(index(path+".credential", i), c.Domain, &c.Credentials[i])
	}
	d.checkCallback(path+".callback", &c.Callback)
}

// checkWaits blames the one of the two that was set.
func (d *draft) checkWaits(path string, c *Component) {
	if c.IQTimeout <= c.IQMaxTimeout {
		return
	}
	if _, set := d.origins[path+".iq_timeout"]; set {
		d.fail(path+".iq_timeout", "%s is more than iq_max_timeout, %s", c.IQTimeout, c.IQMaxTimeout)
		return
	}
	d.fail(path+".iq_max_timeout", "%s is less than iq_timeout, %s; set that too", c.IQMaxTimeout, c.IQTimeout)
}

// checkOrigin says what is wrong with an origin (RFC 6454 §6.2) as browsers write it;
// empty: nothing.
func checkOrigin(s string) string {
	u, err := url.Parse(s)
	switch {
	case s == "*":
		return ""
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return "is no origin; write it as https://app.example.org, or *"
	case u.Scheme+"://"+u.Host != s || strings.ToLower(s) != s:
		return "has more than an origin has; write scheme, host in lower case, and a port if it is not the usual one"
	}
	return ""
}

func (d *draft) checkCredential(path string, domain jid.JID, c *Credential) {
	if c.Authorization == "" {
		d.fail(path+".authorization", "missing; set it, or authorization_file, or user and password")
	} else if wrong := checkAuthorization(c.Authorization.Reveal()); wrong != "" {
		d.fail(path+".authorization", "%s", wrong)
	}
	if !c.Identity.IsZero() && !domain.IsZero() && !domain.DomainJID().Covers(c.Identity) {
		d.fail(path+".identity", "%q is not in the domain %q", c.Identity, domain.Domain())
	}
	d.checkScope(path, domain, c)
}

// checkScope finds what is wrong with what a credential may do.
func (d *draft) checkScope(path string, domain jid.JID, c *Credential) {
	spec := c.Spec()
	scope, wrong := spec.Scope()
	for _, e := range wrong {
		d.fail(path+"."+e.Field, "%s", e.Reason)
	}
	if !c.Identity.IsZero() && c.Identity != domain && scope.Has(access.Admin) == nil {
		d.fail(path+".rights", "admin is for all of a component; it needs its domain as identity")
	}
	if scope.Expired(time.Now()) {
		d.warn("%s: this is over, so that the credential is refused", d.key(path+".expires"))
	}
}

// checkDistinct finds domains and credentials that are there twice.
func (d *draft) checkDistinct() {
	domains := map[jid.JID]string{}
	credentials := map[string]string{}
	for i, c := range d.config.Components {
		path := index("component", i) + ".domain"
		if first, double := domains[c.Domain]; double && !c.Domain.IsZero() {
			d.fail(path, "%q is another component's domain already (%s)", c.Domain, d.where(first))
		} else {
			domains[c.Domain] = path
		}
		for j, credential := range c.Credentials {
			path := index(index("component", i)+".credential", j) + ".authorization"
			text := foldAuthorization(credential.Authorization.Reveal())
			if first, double := credentials[text]; double && text != "" {
				d.fail(path, "this is another credential's value already (%s); each needs its own, since it tells callers apart", d.where(first))
			} else {
				credentials[text] = path
			}
		}
	}
	if len(credentials) == 0 && len(d.errors) == 0 && d.config.HTTP.AdminAuthorization == "" {
		d.fail("component.credential", "missing; without any nobody can send")
	}
}
