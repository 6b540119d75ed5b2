package prosodycfg

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Defaults of mod_rest, which are Restanza's too, and what is added to a stanza on its way.
const (
	defaultIQTimeout    = 2 * time.Minute
	defaultIQMaxTimeout = 5 * time.Minute
	defaultSizeLimit    = 196_608    // bytes
	defaultServerLimit  = 512 * 1024 // Prosody's, for components
	addedToStanza       = 8 * 1024
)

// componentDraft is one component in the making.
type componentDraft struct {
	*translation
	at    *section
	path  string // component[0]
	table *table
}

// component makes the tables of a component.
func (t *translation) component(number int, at *section) error {
	path := fmt.Sprintf("component[%d]", number)
	c := &componentDraft{translation: t, at: at, path: path, table: t.out.table("[[component]]", path)}
	c.table.comment = []string{at.place + ": " + at.title()}
	if at.module == restModule {
		c.table.comment[0] += " \"rest\""
	}
	c.table.add(setting{key: keyDomain, value: quote(at.domain.String())})
	c.table.add(setting{key: keyServer, value: quote(t.componentServer())})
	made, err := c.secret()
	if err != nil {
		return err
	}
	c.timeouts()
	c.sizeLimit()
	if err := c.credential(); err != nil {
		return err
	}
	c.callback()
	c.toDo(made)
	return nil
}

// option returns an option of the component, and takes note that it was looked at.
func (c *componentDraft) option(name string) (option, bool) {
	c.use(c.at, name)
	c.use(c.server.global, name)
	return c.server.lookup(c.at, name)
}

// secret makes the settings of the secret, and reports whether it is a fresh one.
func (c *componentDraft) secret() (fresh bool, err error) {
	o, ok := c.option("component_secret")
	ref, isFile := reference(o.value)
	known, isText := text(o.value)
	switch {
	case ok && isFile && ref.path != "" && ref.word != "FileLines":
		c.table.add(setting{key: keySecretFile, value: quote(ref.path)})
		c.take(o, "component_secret", keySecretFile+"; the file must hold the secret alone")
	case ok && isText && known != "":
		c.table.add(setting{key: keySecret, value: quote(known)})
		c.take(o, "component_secret", keySecret)
	default:
		if ok {
			c.leave(o.place, "component_secret", "it can't be read here")
		}
		made, err := c.options.fresh()
		if err != nil {
			return true, err
		}
		c.table.add(setting{key: keySecret, value: quote(made), comment: []string{"Fresh. Prosody needs the same: see above."}})
		return true, nil
	}
	if c.at.module == restModule {
		c.table.add(setting{
			key: keyBasicSecret, value: "true",
			comment: []string{"As newest mod_rest: Basic credentials of the domain and this secret are taken too."},
		})
	}
	return false, nil
}

// timeouts makes the settings of waiting. In mod_rest the longest wait bounds the usual one; here
// that would be an error.
func (c *componentDraft) timeouts() {
	usual, hasUsual := c.period("rest_iq_timeout", keyIQTimeout)
	longest, hasLongest := c.period("rest_iq_max_timeout", keyIQMaxTimeout)
	if !hasUsual {
		usual = defaultIQTimeout
	}
	if !hasLongest {
		longest = defaultIQMaxTimeout
	}
	if usual > longest {
		usual, hasUsual = longest, true
	}
	if hasUsual {
		c.table.add(setting{key: keyIQTimeout, value: quote(usual.String())})
	}
	if hasLongest {
		c.table.add(setting{key: keyIQMaxTimeout, value: quote(longest.String())})
	}
}

func (c *componentDraft) period(name, key string) (time.Duration, bool) {
	o, ok := c.option(name)
	if !ok {
		return 0, false
	}
	d, ok := period(o.value)
	if !ok || d <= 0 || d > 24*time.Hour {
		c.leave(o.place, name, "this is no time between a millisecond and a day; the default counts")
		return 0, false
	}
	c.take(o, name, key)
	return d, true
}

// sizeLimit makes the setting of the size, and looks whether Prosody takes such stanzas from a component.
func (c *componentDraft) sizeLimit() {
	limit := defaultSizeLimit
	if o, ok := c.option("rest_stanza_size_limit"); ok {
		n, ok := whole(o.value)
		if !ok {
			c.leave(o.place, "rest_stanza_size_limit", "this is no number of bytes; the default counts")
		} else {
			limit = n
			c.table.add(setting{key: keySizeLimit, value: strconv.Itoa(n)})
			c.take(o, "rest_stanza_size_limit", keySizeLimit)
		}
	}
	theirs := defaultServerLimit
	for _, name := range []string{"s2s_stanza_size_limit", "component_stanza_size_limit"} {
		if o, ok := c.server.lookup(c.at, name); ok {
			if n, ok := whole(o.value); ok {
				theirs = n
			}
		}
	}
	if limit+addedToStanza > theirs {
		c.server.note(Note{
			Kind: ToDo, Text: "Prosody must take stanzas of 8 KiB more than stanza_size_limit from components. Write above all hosts",
			Lines: fmt.Sprintf("component_stanza_size_limit = %d", limit+addedToStanza),
		})
	}
}

// credential makes a credential: what rest_credentials says, or a fresh one.
func (c *componentDraft) credential() error {
	table := c.out.table("[[component.credential]]", c.path+".credential[0]")
	o, ok := c.option("rest_credentials")
	ref, isFile := reference(o.value)
	known, isText := text(o.value)
	switch {
	case ok && isFile && ref.path != "" && ref.word != "FileLines":
		table.add(setting{key: keyAuthFile, value: quote(ref.path)})
		c.take(o, "rest_credentials", keyAuthFile)
		return nil
	case ok && isText:
		table.add(setting{key: keyAuthorization, value: quote(known), needed: true})
		c.take(o, "rest_credentials", keyAuthorization)
		return nil
	case ok:
		c.leave(o.place, "rest_credentials", "it can't be read here")
	}
	made, err := c.options.fresh()
	table.add(setting{key: keyAuthorization, value: quote("Bearer " + made), needed: true, comment: []string{
		"Fresh. Give it to your programs, or put here the whole Authorization value that they send:",
		"tokens (mod_tokenauth) and passwords of accounts are kept by Prosody and can't be imported.",
	}})
	return err
}

// contentTypes are the formats of a callback, by what mod_rest calls them.
var contentTypes = map[string]string{
	"application/xmpp+xml": "xml", "xml": "xml",
	"application/json": "json", "json": "json",
	"application/x-www-form-urlencoded": "form", "form": "form",
	"text/plain": "text", "text": "text",
	"application/cbor": "cbor", "cbor": "cbor",
}

// callback makes the table of the callback, if there is one.
func (c *componentDraft) callback() {
	o, ok := c.option("rest_callback_url")
	url, isText := text(o.value)
	if !ok || !isText || url == "" {
		if ok {
			c.leave(o.place, "rest_callback_url", "it can't be read here; write component.callback.url by hand")
		}
		for _, name := range []string{"rest_callback_content_type", "rest_callback_stanzas", "rest_callback_events"} {
			if o, ok := c.option(name); ok {
				c.leave(o.place, name, "without a callback it means nothing")
			}
		}
		return
	}
	table := c.out.table("[component.callback]", c.path+".callback")
	table.add(setting{key: keyURL, value: quote(url)})
	c.take(o, "rest_callback_url", keyURL)
	if o, ok := c.option("rest_callback_content_type"); ok {
		word, _ := text(o.value)
		if format, known := contentTypes[word]; known {
			table.add(setting{key: keyContentType, value: quote(format)})
			c.take(o, "rest_callback_content_type", keyContentType)
		} else {
			c.leave(o.place, "rest_callback_content_type", "there is no such format: xml, json, form, text, cbor; the default is xml")
		}
	}
	some := c.words(table, "rest_callback_stanzas", keyStanzas, []string{"message", "presence", "iq"})
	if !c.words(table, "rest_callback_events", keyEvents, []string{"bare", "full", "host"}) || !some {
		for i := range table.settings {
			table.settings[i].off = true
		}
	}
}

// words takes a list of words. It is false if none is left, which means that nothing is posted.
func (c *componentDraft) words(table *table, name, key string, allowed []string) bool {
	o, ok := c.option(name)
	if !ok {
		return true
	}
	var taken []string
	list, _ := texts(o.value)
	for _, word := range list {
		switch {
		case !slices.Contains(allowed, word):
			c.leave(o.place, name+" "+quoted(word), "there is no such thing: "+strings.Join(allowed, ", "))
		case !slices.Contains(taken, word):
			taken = append(taken, word)
		}
	}
	if len(taken) == 0 {
		c.leave(o.place, name, "it names nothing, so that nothing is posted: the callback stands in the TOML as a comment")
		return false
	}
	table.add(setting{key: key, value: quoteAll(taken)})
	c.take(o, name, key)
	return true
}

// toDo says what to change in Prosody.
func (c *componentDraft) toDo(fresh bool) {
	name := quoted(c.at.name)
	secret := "component_secret = …   -- as it is"
	if fresh {
		secret = "component_secret = \"…\"   -- the secret in the TOML"
	}
	switch {
	case c.at.module == restModule:
		c.server.note(Note{
			Kind: ToDo, Place: c.at.place,
			Text: fmt.Sprintf("%s is served by Restanza and no longer by mod_rest. In Prosody's configuration, instead of `Component %s \"rest\"` and the options below it, write",
				name, name),
			Lines: fmt.Sprintf("Component %s\n    %s", name, secret),
		})
	case fresh:
		c.server.note(Note{
			Kind: ToDo, Place: c.at.place, Text: "give " + name + " in Prosody's configuration the secret of the TOML",
			Lines: fmt.Sprintf("Component %s\n    %s", name, secret),
		})
	}
}
