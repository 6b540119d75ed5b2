package stanza

import "github.com/restanza/restanza/element"

// Kind is the name of a stanza's element.
type Kind string

// The kinds of stanza (RFC 6120 §8.2).
const (
	Message  Kind = "message"
	Presence Kind = "presence"
	IQ       Kind = "iq"
)

// kindOf returns the kind that an element's local name stands for. The
// comparison is exact: XML is case-sensitive.
func kindOf(local []byte) (Kind, bool) {
	switch string(local) {
	case "message":
		return Message, true
	case "presence":
		return Presence, true
	case "iq":
		return IQ, true
	}
	return "", false
}

// Type is the value of a stanza's type attribute; empty if there is none.
// Values outside the constants are legal for messages and presence: servers
// pass them on, and so does the gateway.
type Type string

// The types of RFC 6121 §5.2.2 (message), RFC 6121 §4.7.1 (presence) and
// RFC 6120 §8.2.3 (iq).
const (
	Normal    Type = "normal"
	Chat      Type = "chat"
	Groupchat Type = "groupchat"
	Headline  Type = "headline"

	Unavailable  Type = "unavailable"
	Subscribe    Type = "subscribe"
	Subscribed   Type = "subscribed"
	Unsubscribe  Type = "unsubscribe"
	Unsubscribed Type = "unsubscribed"
	Probe        Type = "probe"

	Get    Type = "get"
	Set    Type = "set"
	Result Type = "result"

	// TypeError is the type of a stanza error of any kind.
	TypeError Type = "error"
)

// typeOf reads the raw value of a type attribute, without an allocation for the
// usual ones.
func typeOf(value []byte) Type {
	switch string(value) {
	case "":
		return ""
	case "chat":
		return Chat
	case "groupchat":
		return Groupchat
	case "normal":
		return Normal
	case "get":
		return Get
	case "set":
		return Set
	case "result":
		return Result
	case "error":
		return TypeError
	case "unavailable":
		return Unavailable
	}
	return Type(element.Unescape(value))
}
