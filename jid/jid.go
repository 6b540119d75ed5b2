package jid

// JID is an XMPP address: local@domain/resource, where the local part and the
// resource may be missing (RFC 7622 §3).
//
// The zero value is no address: IsZero is true and every part is empty. All
// other values have a domain. A JID is immutable and may be used by several
// goroutines at once. It shares memory with the string it was parsed from where
// that was canonical already.
type JID struct {
	full   string
	local  uint16 // length of the local part, 0: none
	domain uint16 // length of the domain, 0 in the zero value only
}

// IsZero reports whether j is the zero value, which is no address.
func (j JID) IsZero() bool { return j.full == "" }

// String returns the address in full, "" for the zero value. It does not
// allocate.
func (j JID) String() string { return j.full }

// Local returns the part before the @, "" if there is none. At most 1023 bytes.
func (j JID) Local() string { return j.full[:j.local] }

// Domain returns the domain, "" for the zero value only. At most 1023 bytes.
func (j JID) Domain() string {
	start := j.domainStart()
	return j.full[start : start+int(j.domain)]
}

// Resource returns the part after the first slash, "" if there is none. At most
// 1023 bytes.
func (j JID) Resource() string {
	end := j.bareLen()
	if end == len(j.full) {
		return ""
	}
	return j.full[end+1:]
}

// Bare returns j without its resource. It does not allocate.
func (j JID) Bare() JID {
	j.full = j.full[:j.bareLen()]
	return j
}

// DomainJID returns the domain of j as an address of its own. It does not
// allocate.
func (j JID) DomainJID() JID {
	return JID{full: j.Domain(), domain: j.domain}
}

// Covers reports whether each part that j has is equal in o: a domain covers
// every address of that very domain (not of its subdomains), a bare address
// itself with any resource, a full address only itself. The zero value covers
// nothing.
func (j JID) Covers(o JID) bool {
	if j.IsZero() || j.Domain() != o.Domain() {
		return false
	}
	if j.local > 0 && j.Local() != o.Local() {
		return false
	}
	return j.Resource() == "" || j.Resource() == o.Resource()
}

// MarshalText returns the address in full, empty for the zero value. The error
// is always nil.
func (j JID) MarshalText() ([]byte, error) {
	return []byte(j.full), nil
}

// UnmarshalText sets j to Parse(text), or to the zero value if text is empty.
// Errors are those of [Parse].
func (j *JID) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*j = JID{}
		return nil
	}
	parsed, err := Parse(string(text))
	if err != nil {
		return err
	}
	*j = parsed
	return nil
}

// domainStart returns the index of the domain's first byte in full.
func (j JID) domainStart() int {
	if j.local == 0 {
		return 0
	}
	return int(j.local) + len("@")
}

// bareLen returns the length of full without the resource and its slash.
func (j JID) bareLen() int {
	return j.domainStart() + int(j.domain)
}
