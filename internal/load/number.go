package main

import (
	"bytes"
	"strconv"
	"time"
)

// number identifies one stanza of the load. It stands in the stanza's id in a form
// of fixed length, so that it can be written over in place.
type number struct {
	cell   int           // the measurement, so that what comes late isn't taken for the next one's
	sender int           // the HTTP connection, or the conversation
	n      int           // counts up from 0 for each sender
	sent   time.Duration // since the measurement's start
}

// The number's form: #cell.sender.n.sent#, with digits for each and the time in
// nanoseconds.
const (
	cellDigits   = 5
	senderDigits = 5
	nDigits      = 8
	sentDigits   = 13
	numberLength = 1 + cellDigits + 1 + senderDigits + 1 + nDigits + 1 + sentDigits + 1
)

// blankNumber is what is written over.
var blankNumber = string(number{}.append(nil))

// append appends the number's form.
func (u number) append(dst []byte) []byte {
	i := len(dst)
	dst = append(dst, make([]byte, numberLength)...)
	u.put(dst[i:])
	return dst
}

// put writes the number's form over the beginning of dst.
func (u number) put(dst []byte) {
	i := 0
	field := func(mark byte, value, digits int) {
		dst[i] = mark
		for d := digits; d > 0; d-- {
			dst[i+d] = byte('0' + value%10)
			value /= 10
		}
		i += 1 + digits
	}
	field('#', u.cell, cellDigits)
	field('.', u.sender, senderDigits)
	field('.', u.n, nDigits)
	field('.', int(u.sent), sentDigits)
	dst[i] = '#'
}

// parseNumber finds a number in a stanza.
func parseNumber(stanza []byte) (u number, ok bool) {
	start := bytes.IndexByte(stanza, '#')
	if start < 0 || len(stanza) < start+numberLength || stanza[start+numberLength-1] != '#' {
		return number{}, false
	}
	text := stanza[start:]
	field := func(digits int) int {
		value, err := strconv.Atoi(string(text[1 : 1+digits]))
		ok = ok && err == nil
		text = text[1+digits:]
		return value
	}
	ok = true
	u = number{cell: field(cellDigits), sender: field(senderDigits), n: field(nDigits), sent: time.Duration(field(sentDigits))}
	return u, ok
}
