package jsonmap_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/restanza/restanza/jsonmap"
	"github.com/restanza/restanza/stanza"
)

// Members beyond mod_rest's, as a program sends them.
func TestParse_beyond(t *testing.T) {
	for _, tt := range []struct{ name, doc, want string }{
		{"retraction", `{"retract":"m1"}`, `<message><retract xmlns="urn:xmpp:message-retract:1" id="m1"/></message>`},
		{"moderation", `{"retraction":{"id":"m1","moderated":{"by":"r@s/m","occupant_id":"o"},"reason":"spam"}}`, `<message><retract xmlns="urn:xmpp:message-retract:1" id="m1"><moderated xmlns="urn:xmpp:message-moderate:1" by="r@s/m"><occupant-id xmlns="urn:xmpp:occupant-id:0" id="o"/></moderated><reason>spam</reason></retract></message>`},
		{"both say the same", `{"fallback":true,"fallbacks":[{"for":"f"}],"delay":"s","delayed":{"stamp":"s","from":"a"}}`, `<message><fallback xmlns="urn:xmpp:fallback:0" for="f"/><delay xmlns="urn:xmpp:delay" stamp="s" from="a"/></message>`},
		{"receipts and hints", `{"receipt":"m1","no_store":true,"no_copy":false}`, `<message><received xmlns="urn:xmpp:receipts" id="m1"/><no-store xmlns="urn:xmpp:hints"/></message>`},
		{"file", `{"files":[{"file":{"media_type":"image/png","hashes":[{"algo":"sha-256","value":"x="}]},"sources":{"urls":["https://a/b"]}}]}`, `<message><file-sharing xmlns="urn:xmpp:sfs:0"><file xmlns="urn:xmpp:file:metadata:0"><media-type>image/png</media-type><hash xmlns="urn:xmpp:hashes:2" algo="sha-256">x=</hash></file><sources><url-data xmlns="http://jabber.org/protocol/url-data" target="https://a/b"/></sources></file-sharing></message>`},
		{"status codes", `{"kind":"presence","muc_user":{"status":[110,210]}}`, `<presence><x xmlns="http://jabber.org/protocol/muc#user"><status code="110"/><status code="210"/></x></presence>`},
		{"password of a room", `{"kind":"presence","muc":{"password":"p"}}`, `<presence><x xmlns="http://jabber.org/protocol/muc"><password>p</password></x></presence>`},
		{"roster, asked for", `{"roster":{}}`, `<iq type="get"><query xmlns="jabber:iq:roster"/></iq>`},
		{"roster, set", `{"roster":{"items":[{"jid":"a@b","groups":["g"]}]}}`, `<iq type="set"><query xmlns="jabber:iq:roster"><item jid="a@b"><group>g</group></item></query></iq>`},
		{"block", `{"block":["a@b","c"]}`, `<iq type="set"><block xmlns="urn:xmpp:blocking"><item jid="a@b"/><item jid="c"/></block></iq>`},
		{"muc_admin, asked for", `{"muc_admin":[{"affiliation":"owner"}]}`, `<iq type="get"><query xmlns="http://jabber.org/protocol/muc#admin"><item affiliation="owner"/></query></iq>`},
		{"muc_admin, set", `{"muc_admin":[{"nick":"n","role":"none"}]}`, `<iq type="set"><query xmlns="http://jabber.org/protocol/muc#admin"><item nick="n" role="none"/></query></iq>`},
		{"publish", `{"pubsub":{"publish":{"node":"urn:xmpp:bookmarks:1","items":[{"id":"r@s","conference":{"autojoin":true,"nick":"n"}}]}}}`, `<iq type="set"><pubsub xmlns="http://jabber.org/protocol/pubsub"><publish node="urn:xmpp:bookmarks:1"><item id="r@s"><conference xmlns="urn:xmpp:bookmarks:1" autojoin="true"><nick>n</nick></conference></item></publish></pubsub></iq>`},
		{"items of a node", `{"pubsub":{"items":{"node":"n","max_items":1}}}`, `<iq type="get"><pubsub xmlns="http://jabber.org/protocol/pubsub"><items node="n" max_items="1"/></pubsub></iq>`},
		{"configuration, asked for", `{"pubsub_owner":{"configure":{"node":"n"}}}`, `<iq type="get"><pubsub xmlns="http://jabber.org/protocol/pubsub#owner"><configure node="n"/></pubsub></iq>`},
		{"configuration, set", `{"pubsub_owner":{"configure":{"node":"n","form":{"type":"submit","fields":[]}}}}`, `<iq type="set"><pubsub xmlns="http://jabber.org/protocol/pubsub#owner"><configure node="n"><x xmlns="jabber:x:data" type="submit"/></configure></pubsub></iq>`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			st, err := jsonmap.Parse([]byte(tt.doc), jsonmap.Envelope{}, jsonmap.Full)
			if err != nil {
				t.Fatal(err)
			}
			if st.String() != tt.want {
				t.Errorf("got  %s\nwant %s", st, tt.want)
			}
			checkRoundTrip(t, st)
		})
	}
}

// What contradicts itself is refused.
func TestParse_beyondRefused(t *testing.T) {
	for _, doc := range []string{
		`{"fallback":true,"fallbacks":[]}`,
		`{"fallback":false,"fallbacks":[{}]}`,
		`{"delay":"s","delayed":{"stamp":"t"}}`,
		`{"retract":"1","retraction":{"id":"2"}}`,
		`{"kind":"presence","muc_user":{"status":["110"]}}`,
		`{"block":[{"jid":"a@b"}]}`,
		`{"archive_prefs":{"default":"sometimes"}}`,
	} {
		if st, err := jsonmap.Parse([]byte(doc), jsonmap.Envelope{}, jsonmap.Full); err == nil {
			t.Errorf("%s: accepted as %s", doc, st)
		}
	}
}

// The strict profile writes what mod_rest writes, and nothing else.
func TestAppend_strict(t *testing.T) {
	st, err := stanza.Parse([]byte(`<message><body>x</body><delay xmlns="urn:xmpp:delay" stamp="s" from="a"/><fallback xmlns="urn:xmpp:fallback:0" for="f"/>` +
		`<received xmlns="urn:xmpp:receipts" id="r"/><retract xmlns="urn:xmpp:message-retract:1" id="m"/><y xmlns="urn:y"/></message>`))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"kind":"message","body":"x","delay":"s","fallback":true}`
	if got := string(jsonmap.Append(nil, st, jsonmap.Strict)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// What is asked by a path changes nothing: each question can be asked with nothing more
// said, and only mod_rest's archive and command are sets.
func TestParseForm_ask(t *testing.T) {
	for _, name := range jsonmap.QueryFields() {
		st, err := jsonmap.ParseForm(nil, jsonmap.Envelope{Kind: stanza.IQ, Field: name, To: "a@b", Ask: true}, jsonmap.Full)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := stanza.Get
		if name == "archive" || name == "command" {
			want = stanza.Set
		}
		if st.Type() != want {
			t.Errorf("%s: %s", name, st)
		}
	}
}

// Schemas of one name have the same members, or none where they stand in themselves.
func TestFields_names(t *testing.T) {
	shapes := map[string]string{}
	var walk func(s *jsonmap.Schema)
	members := func(list []jsonmap.Member) string {
		var names []string
		for i := range list {
			names = append(names, list[i].Name)
			walk(&list[i].Schema)
		}
		return strings.Join(names, " ")
	}
	walk = func(s *jsonmap.Schema) {
		names := members(s.Members)
		if s.Name != "" && names != "" {
			if other, known := shapes[s.Name]; known && other != names {
				t.Errorf("%s has %s, and elsewhere %s", s.Name, names, other)
			}
			shapes[s.Name] = names
		}
		if s.Items != nil {
			walk(s.Items)
		}
		for _, other := range s.Either {
			walk(other)
		}
	}
	for _, kind := range []stanza.Kind{stanza.Message, stanza.Presence, stanza.IQ} {
		members(jsonmap.Fields(kind))
	}
	for _, name := range []string{"message", "forwarded", "form", "page", "muc_item", "pubsub_item", "hash"} {
		if shapes[name] == "" {
			t.Errorf("there is no shape %s", name)
		}
	}
}

// What stands beside the payload of an iq, or only in an answer, is nothing that can be
// asked for.
func TestQueryFields(t *testing.T) {
	fields := jsonmap.QueryFields()
	for _, name := range []string{"kind", "to", "nick", "delay", "delayed", "rsm", "dataform", "formdata", "error", "upload_slot", "result"} {
		if slices.Contains(fields, name) {
			t.Errorf("%s is one of them", name)
		}
	}
	for _, name := range []string{"ping", "disco", "items", "version", "archive", "command", "vcard", "roster", "payload"} {
		if !slices.Contains(fields, name) {
			t.Errorf("%s is none of them", name)
		}
	}
}
