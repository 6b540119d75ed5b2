package stream

import "github.com/restanza/restanza/element"

// Open is what goes into the header that begins a stream (RFC 6120 §4.7).
// Empty attributes are left out.
type Open struct {
	Default string // the namespace of the stanzas, such as jabber:component:accept
	ID      string
	From    string
	To      string
	Version string
	Lang    string // xml:lang
}

// AppendOpen appends an XML declaration and the opening tag of a stream.
func AppendOpen(dst []byte, o Open) []byte {
	dst = append(dst, `<?xml version="1.0"?><stream:stream xmlns:stream="`+NSStreams+`"`...)
	for _, a := range []struct{ name, value string }{
		{"xmlns", o.Default}, {"id", o.ID}, {"from", o.From}, {"to", o.To}, {"version", o.Version}, {"xml:lang", o.Lang},
	} {
		if a.value == "" {
			continue
		}
		dst = append(dst, ' ')
		dst = append(dst, a.name...)
		dst = append(dst, '=', '"')
		dst = element.AppendAttr(dst, a.value)
		dst = append(dst, '"')
	}
	return append(dst, '>')
}

// AppendClose appends the end tag of a stream that AppendOpen began.
func AppendClose(dst []byte) []byte {
	return append(dst, "</stream:stream>"...)
}

// AppendError appends e to a stream that AppendOpen began. The stream's end tag
// must follow (RFC 6120 §4.9.1.1). An AppCondition is written if it has a name.
func AppendError(dst []byte, e *Error) []byte {
	dst = append(dst, "<stream:error><"...)
	dst = append(dst, e.Condition...)
	dst = append(dst, ` xmlns="`+NSStreamErrors+`"/>`...)
	if e.Text != "" {
		dst = append(dst, `<text xmlns="`+NSStreamErrors+`">`...)
		dst = element.AppendText(dst, e.Text)
		dst = append(dst, "</text>"...)
	}
	if e.AppCondition.Local != "" {
		dst = append(dst, '<')
		dst = append(dst, e.AppCondition.Local...)
		dst = append(dst, ` xmlns="`...)
		dst = element.AppendAttr(dst, e.AppCondition.Space)
		dst = append(dst, `"/>`...)
	}
	return append(dst, "</stream:error>"...)
}
