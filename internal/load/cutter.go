package main

import "bytes"

// cutter finds where elements of a stream end, by counting tags. It checks
// nothing, and takes every '>' for the end of a tag, which holds for what servers
// write.
type cutter struct {
	at    int // where to go on
	depth int // of the element at that place
}

// end returns the length of the element that buf begins with, or 0 if it isn't
// complete. After a 0 the next call takes the same bytes and more. The end tag
// of the stream counts as an element.
func (c *cutter) end(buf []byte) int {
	for {
		open := bytes.IndexByte(buf[c.at:], '<')
		if open < 0 {
			c.at = len(buf)
			return 0
		}
		c.at += open
		length := bytes.IndexByte(buf[c.at:], '>') + 1
		if length == 0 {
			return 0
		}
		tag := buf[c.at : c.at+length]
		c.at += length
		switch {
		case tag[1] == '/':
			c.depth--
		case tag[length-2] != '/':
			c.depth++
		}
		if c.depth <= 0 {
			n := c.at
			*c = cutter{}
			return n
		}
	}
}

// attribute returns the value of an attribute of the element's start tag as it
// stands there, or nil. The name is given as it is searched for, like ` to=`.
func attribute(element []byte, name string) []byte {
	tag := element[:bytes.IndexByte(element, '>')+1]
	i := bytes.Index(tag, []byte(name))
	if i < 0 {
		return nil
	}
	value := tag[i+len(name):]
	end := bytes.IndexByte(value[1:], value[0])
	if end < 0 {
		return nil
	}
	return value[1 : 1+end]
}

// domain returns the domain of an address.
func domain(address []byte) []byte {
	if slash := bytes.IndexByte(address, '/'); slash >= 0 {
		address = address[:slash]
	}
	return address[bytes.IndexByte(address, '@')+1:]
}
