package httpd

import "github.com/restanza/restanza/stanza"

const mediaTypeXMPP = "application/xmpp+xml" // RFC 3923 §10; in use for stanzas by mod_rest

// xmlFormat is a stanza as it is: one element, its root in no namespace or in
// jabber:client.
var xmlFormat = &format{
	mediaType:   mediaTypeXMPP,
	contentType: []string{mediaTypeXMPP},
	decode:      stanza.Parse,
	encode: func(dst []byte, st stanza.Stanza) []byte {
		return st.AppendXML(dst)
	},
}
