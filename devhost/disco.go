package devhost

import (
	"strings"

	"github.com/restanza/restanza/element"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// hostFeatures are what the host answers (XEP-0030 §3). Nothing else may stand
// here: clients use at once what is advertised.
var hostFeatures = []string{
	nsDiscoInfo, nsDiscoItems, nsPing, nsVersion, nsTime, nsLast, nsVCard, nsPrivate, nsRoster, nsCarbons,
	"msgoffline", // XEP-0160
}

// accountFeatures are what the host answers on behalf of an account.
var accountFeatures = []string{nsDiscoInfo, nsDiscoItems, nsVCard}

// info answers who the host or an account is and what it can do.
func (r *request) info() stanza.Stanza {
	if r.st.PayloadAttr("node") != "" {
		return r.refuse(stanza.Cancel, stanza.ItemNotFound, "there are no nodes")
	}
	identity, features := `<identity category="server" type="im" name="`+software+`"/>`, hostFeatures
	if r.about != nil {
		identity, features = `<identity category="account" type="registered"/>`, accountFeatures
	}
	var b strings.Builder
	b.WriteString(`<query xmlns="` + nsDiscoInfo + `">` + identity)
	for _, f := range features {
		b.WriteString(`<feature var="` + f + `"/>`)
	}
	b.WriteString(`</query>`)
	return r.st.Result(b.String())
}

// items answers what else there is: the components and the services.
func (r *request) items() stanza.Stanza {
	if r.about != nil || r.st.PayloadAttr("node") != "" {
		return r.st.Result(`<query xmlns="` + nsDiscoItems + `"/>`)
	}
	var b []byte
	b = append(b, `<query xmlns="`+nsDiscoItems+`">`...)
	for _, c := range r.host.bots {
		b = appendItem(b, c.domain)
	}
	for domain := range r.host.services {
		b = appendItem(b, domain)
	}
	return r.st.Result(string(append(b, `</query>`...)))
}

func appendItem(dst []byte, domain jid.JID) []byte {
	dst = append(dst, `<item jid="`...)
	dst = element.AppendAttr(dst, domain.String())
	return append(dst, `"/>`...)
}
