package gateway

import "github.com/restanza/restanza/stanza"

// answer sends the component's own answer to st, zero meaning that there is none,
// and tells Options.Observe about both.
func (c *Component) answer(st, answer stanza.Stanza) {
	if !answer.IsZero() {
		c.reply(answer)
	}
	if c.o.Observe != nil {
		c.o.Observe(st, answer)
	}
}
