package jsonmap_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza/jsonmap"
	"github.com/restanza/restanza/stanza"
)

// pair is a stanza in both notations.
type pair struct{ json, xml string }

// bothWays are stanzas whose JSON is written for the XML, and makes the same XML.
var bothWays = []pair{
	// all kinds
	{`{"kind":"message","type":"chat","id":"1","from":"a@b/c","to":"d@e","lang":"de"}`, `<message type="chat" id="1" from="a@b/c" to="d@e" xml:lang="de"/>`},
	{`{"kind":"message"}`, `<message/>`},
	{`{"kind":"message","nick":"N"}`, `<message><nick xmlns="http://jabber.org/protocol/nick">N</nick></message>`},
	{`{"kind":"message","delay":"2020-01-01T00:00:00Z"}`, `<message><delay xmlns="urn:xmpp:delay" stamp="2020-01-01T00:00:00Z"/></message>`},
	{`{"kind":"message","rsm":{"after":"a","before":"b","last":"l","count":3,"max":4}}`, `<message><set xmlns="http://jabber.org/protocol/rsm"><after>a</after><before>b</before><last>l</last><count>3</count><max>4</max></set></message>`},
	{`{"kind":"message","rsm":{"first":"f","index":2}}`, `<message><set xmlns="http://jabber.org/protocol/rsm"><first index="2">f</first></set></message>`},
	{`{"kind":"message","rsm":{"index":2}}`, `<message><set xmlns="http://jabber.org/protocol/rsm"><index>2</index></set></message>`},
	{`{"kind":"message","payload":{"datatype":"d","data":{"a":[1,2.50,null]}}}`, `<message><payload xmlns="urn:xmpp:json-msg:0" datatype="d"><json xmlns="urn:xmpp:json:0">{"a":[1,2.50,null]}</json></payload></message>`},
	// message
	{`{"kind":"message","body":"hi & <bye>","subject":""}`, `<message><body>hi &amp; &lt;bye></body><subject/></message>`},
	{`{"kind":"message","thread":{"id":"t","parent":"p"}}`, `<message><thread parent="p">t</thread></message>`},
	{`{"kind":"message","thread":{"id":""}}`, `<message><thread/></message>`},
	{`{"kind":"message","state":"composing"}`, `<message><composing xmlns="http://jabber.org/protocol/chatstates"/></message>`},
	{`{"kind":"message","html":"<body><p>a<br/>b</p></body>"}`, `<message><html xmlns="http://jabber.org/protocol/xhtml-im"><body xmlns="http://www.w3.org/1999/xhtml"><p>a<br/>b</p></body></html></message>`},
	{`{"kind":"message","replace":"1"}`, `<message><replace xmlns="urn:xmpp:message-correct:0" id="1"/></message>`},
	{`{"kind":"message","attach_to":"1"}`, `<message><attach-to xmlns="urn:xmpp:message-attaching:1" id="1"/></message>`},
	{`{"kind":"message","markable":true}`, `<message><markable xmlns="urn:xmpp:chat-markers:0"/></message>`},
	{`{"kind":"message","displayed":"1"}`, `<message><displayed xmlns="urn:xmpp:chat-markers:0" id="1"/></message>`},
	{`{"kind":"message","encryption":"n"}`, `<message><encryption xmlns="urn:xmpp:eme:0" namespace="n"/></message>`},
	{`{"kind":"message","fallback":true}`, `<message><fallback xmlns="urn:xmpp:fallback:0"/></message>`},
	{`{"kind":"message","occupant_id":"1"}`, `<message><occupant-id xmlns="urn:xmpp:occupant-id:0" id="1"/></message>`},
	{`{"kind":"message","oob":{"url":"u","desc":"d"},"oob_url":"u"}`, `<message><x xmlns="jabber:x:oob"><url>u</url><desc>d</desc></x></message>`},
	{`{"kind":"message","reply":{"id":"1","to":"a"}}`, `<message><reply xmlns="urn:xmpp:reply:0" id="1" to="a"/></message>`},
	{`{"kind":"message","reference":{"begin":1,"end":123456789,"type":"t","uri":"u"}}`, `<message><reference xmlns="urn:xmpp:reference:0" begin="1" end="123456789" type="t" uri="u"/></message>`},
	{`{"kind":"message","reactions":{"id":"1","reactions":["a","b"]}}`, `<message><reactions xmlns="urn:xmpp:reactions:0" id="1"><reaction>a</reaction><reaction>b</reaction></reactions></message>`},
	{`{"kind":"message","stanza_ids":[{"id":"1","by":"a"},{"id":"2","by":"b"}]}`, `<message><stanza-id xmlns="urn:xmpp:sid:0" id="1" by="a"/><stanza-id xmlns="urn:xmpp:sid:0" id="2" by="b"/></message>`},
	{`{"kind":"message","invite":{"jid":"j","password":"p","reason":"r","thread":"t","continue":true}}`, `<message><x xmlns="jabber:x:conference" jid="j" password="p" reason="r" thread="t" continue="1"/></message>`},
	{`{"kind":"message","invite":{"continue":false}}`, `<message><x xmlns="jabber:x:conference" continue="0"/></message>`},
	{
		`{"kind":"message","forwarded":{"delay":"s","message":{"to":"a","from":"b","id":"1","type":"chat","lang":"en","body":"x","stanza_ids":[{"id":"1"}]}}}`,
		`<message><forwarded xmlns="urn:xmpp:forward:0"><delay xmlns="urn:xmpp:delay" stamp="s"/><message xmlns="jabber:client" to="a" from="b" id="1" type="chat" xml:lang="en"><body>x</body><stanza-id xmlns="urn:xmpp:sid:0" id="1"/></message></forwarded></message>`,
	},
	{
		`{"kind":"message","archive":{"id":"1","queryid":"q","forward":{"delay":"s","message":{"body":"x"}}}}`,
		`<message><result xmlns="urn:xmpp:mam:2" id="1" queryid="q"><forwarded xmlns="urn:xmpp:forward:0"><delay xmlns="urn:xmpp:delay" stamp="s"/><message xmlns="jabber:client"><body>x</body></message></forwarded></result></message>`,
	},
	// presence
	{`{"kind":"presence","type":"available"}`, `<presence/>`},
	{`{"kind":"presence","type":"unavailable"}`, `<presence type="unavailable"/>`},
	{`{"kind":"presence","type":"available","show":"away","status":"s","priority":-5}`, `<presence><show>away</show><status>s</status><priority>-5</priority></presence>`},
	{`{"kind":"presence","type":"available","caps":{"node":"n","ver":"v","hash":"h","ext":"e"}}`, `<presence><c xmlns="http://jabber.org/protocol/caps" node="n" ver="v" hash="h" ext="e"/></presence>`},
	{`{"kind":"presence","type":"available","idle_since":"t"}`, `<presence><idle xmlns="urn:xmpp:idle:1" since="t"/></presence>`},
	{`{"kind":"presence","type":"available","vcard_update":{"photo":"p"}}`, `<presence><x xmlns="vcard-temp:x:update"><photo>p</photo></x></presence>`},
	{`{"kind":"presence","type":"available","muc":{"history":{"maxchars":0,"maxstanzas":1,"seconds":2,"since":"t"}}}`, `<presence><x xmlns="http://jabber.org/protocol/muc"><history maxchars="0" maxstanzas="1" seconds="2" since="t"/></x></presence>`},
	{`{"kind":"presence","type":"available","muc":{}}`, `<presence><x xmlns="http://jabber.org/protocol/muc"/></presence>`},
	// iq
	{`{"kind":"iq","type":"get","ping":true}`, `<iq type="get"><ping xmlns="urn:xmpp:ping"/></iq>`},
	{`{"kind":"iq","type":"result","version":{"name":"n","version":"1","os":"o"}}`, `<iq type="result"><query xmlns="jabber:iq:version"><name>n</name><version>1</version><os>o</os></query></iq>`},
	{`{"kind":"iq","type":"result","lastactivity":{"seconds":903,"status":"Home"}}`, `<iq type="result"><query xmlns="jabber:iq:last" seconds="903">Home</query></iq>`},
	{`{"kind":"iq","type":"result","lastactivity":{"status":""}}`, `<iq type="result"><query xmlns="jabber:iq:last"/></iq>`},
	{
		`{"kind":"iq","type":"result","extdisco":{"type":"t","services":[{"type":"stun","host":"h","name":"n","password":"p","transport":"udp","username":"u","expires":"e","port":3478,"restricted":true}]}}`,
		`<iq type="result"><services xmlns="urn:xmpp:extdisco:2" type="t"><service type="stun" host="h" name="n" password="p" transport="udp" username="u" expires="e" port="3478" restricted="1"/></services></iq>`,
	},
	{`{"kind":"iq","type":"result","gateway":{"desc":"d","prompt":"p","jid":"j"}}`, `<iq type="result"><query xmlns="jabber:iq:gateway"><desc>d</desc><prompt>p</prompt><jid>j</jid></query></iq>`},
	{`{"kind":"iq","type":"set","oob":{"url":"u","desc":"d"}}`, `<iq type="set"><query xmlns="jabber:iq:oob"><url>u</url><desc>d</desc></query></iq>`},
	{
		`{"kind":"iq","type":"set","register":{"registered":true,"remove":true,"username":"u","password":"p","nick":"n","name":"n","first":"f","last":"l","email":"e","address":"a","city":"c","state":"s","zip":"z","phone":"p","url":"u","date":"d","misc":"m","text":"t","key":"k","instructions":"i"}}`,
		`<iq type="set"><query xmlns="jabber:iq:register"><registered/><remove/><username>u</username><password>p</password><nick>n</nick><name>n</name><first>f</first><last>l</last><email>e</email><address>a</address><city>c</city><state>s</state><zip>z</zip><phone>p</phone><url>u</url><date>d</date><misc>m</misc><text>t</text><key>k</key><instructions>i</instructions></query></iq>`,
	},
	{`{"kind":"iq","type":"result","stats":[{"name":"a","unit":"u","value":7.5},{"name":"b","value":123456789}]}`, `<iq type="result"><query xmlns="http://jabber.org/protocol/stats"><stat name="a" unit="u" value="7.5"/><stat name="b" value="123456789"/></query></iq>`},
	{`{"kind":"iq","type":"get","upload_request":{"filename":"f","content-type":"c","size":1}}`, `<iq type="get"><request xmlns="urn:xmpp:http:upload:0" filename="f" content-type="c" size="1"/></iq>`},
	{
		`{"kind":"iq","type":"result","upload_slot":{"get":{"url":"g"},"put":{"url":"p","headers":[{"name":"n","value":"v"}]}}}`,
		`<iq type="result"><slot xmlns="urn:xmpp:http:upload:0"><get url="g"/><put url="p"><header name="n">v</header></put></slot></iq>`,
	},
	{
		`{"kind":"iq","type":"set","archive":{"queryid":"q","form":{"type":"submit","fields":[{"var":"with","values":["a"]}]},"page":{"max":1,"before":""}}}`,
		`<iq type="set"><query xmlns="urn:xmpp:mam:2" queryid="q"><x xmlns="jabber:x:data" type="submit"><field var="with"><value>a</value></field></x><set xmlns="http://jabber.org/protocol/rsm"><max>1</max><before/></set></query></iq>`,
	},
	{
		`{"kind":"iq","type":"result","result":{"page":{"first":"a","index":0,"last":"b","count":2}}}`,
		`<iq type="result"><fin xmlns="urn:xmpp:mam:2"><set xmlns="http://jabber.org/protocol/rsm"><first index="0">a</first><last>b</last><count>2</count></set></fin></iq>`,
	},
	// special fields
	{`{"kind":"iq","type":"get","disco":true}`, `<iq type="get"><query xmlns="http://jabber.org/protocol/disco#info"/></iq>`},
	{`{"kind":"iq","type":"get","disco":"n"}`, `<iq type="get"><query xmlns="http://jabber.org/protocol/disco#info" node="n"/></iq>`},
	{
		`{"kind":"iq","type":"result","disco":{"node":"n","identities":[{"category":"c","type":"t","name":"n"},{"category":"c","type":"u"}],"features":["a","b"],"extensions":{"f":{"v":["1","2"]}}}}`,
		`<iq type="result"><query xmlns="http://jabber.org/protocol/disco#info" node="n"><identity category="c" type="t" name="n"/><identity category="c" type="u"/><feature var="a"/><feature var="b"/>` +
			`<x xmlns="jabber:x:data" type="result"><field var="FORM_TYPE" type="hidden"><value>f</value></field><field var="v"><value>1</value><value>2</value></field></x></query></iq>`,
	},
	{`{"kind":"iq","type":"get","items":true}`, `<iq type="get"><query xmlns="http://jabber.org/protocol/disco#items"/></iq>`},
	{`{"kind":"iq","type":"get","items":"n"}`, `<iq type="get"><query xmlns="http://jabber.org/protocol/disco#items" node="n"/></iq>`},
	{`{"kind":"iq","type":"result","items":[{"jid":"a","name":"n"},{"jid":"b","node":"c"}]}`, `<iq type="result"><query xmlns="http://jabber.org/protocol/disco#items"><item jid="a" name="n"/><item jid="b" node="c"/></query></iq>`},
	{
		`{"kind":"iq","type":"result","command":{"node":"n","action":"execute","sessionid":"s","status":"executing","actions":{"execute":"next","prev":true,"next":true,"complete":true},"note":{"type":"info","text":"t"}}}`,
		`<iq type="result"><command xmlns="http://jabber.org/protocol/commands" node="n" action="execute" sessionid="s" status="executing"><actions execute="next"><prev/><next/><complete/></actions><note type="info">t</note></command></iq>`,
	},
	{
		`{"kind":"iq","type":"result","command":{"node":"n","form":{"type":"form","fields":[]}}}`,
		`<iq type="result"><command xmlns="http://jabber.org/protocol/commands" node="n"><x xmlns="jabber:x:data" type="form"/></command></iq>`,
	},
	{
		`{"kind":"message","dataform":{"type":"form","title":"t","instructions":"a\nb","fields":[{"var":"v","type":"list-single","label":"l","desc":"d","required":true,"value":"1","options":[{"label":"o","value":"1"},{"value":"2"}]},` +
			`{"var":"m","type":"text-multi","value":"a\nb"},{"var":"j","type":"jid-multi","value":["a","b"]},{"var":"k","type":"list-multi","value":[],"options":[]},{"var":"s","value":"x"},{"var":"n"}]}}`,
		`<message><x xmlns="jabber:x:data" type="form"><title>t</title><instructions>a</instructions><instructions>b</instructions>` +
			`<field var="v" type="list-single" label="l"><desc>d</desc><required/><value>1</value><option label="o"><value>1</value></option><option><value>2</value></option></field>` +
			`<field var="m" type="text-multi"><value>a</value><value>b</value></field><field var="j" type="jid-multi"><value>a</value><value>b</value></field><field var="k" type="list-multi"/><field var="s"><value>x</value></field><field var="n"/></x></message>`,
	},
	// errors
	{
		`{"kind":"iq","type":"error","id":"1","error":{"type":"cancel","by":"b","condition":"item-not-found","text":"t"}}`,
		`<iq type="error" id="1"><error type="cancel" by="b"><item-not-found xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/><text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">t</text></error></iq>`,
	},
	{`{"kind":"message","type":"error","body":"b","error":{"type":"wait","condition":"gone"}}`, `<message type="error"><body>b</body><error type="wait"><gone xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></message>`},
}

func TestContract_bothWays(t *testing.T) {
	for _, tt := range bothWays {
		t.Run(tt.xml, func(t *testing.T) {
			checkXML(t, tt)
			checkJSON(t, tt, jsonmap.Full)
			checkJSON(t, tt, jsonmap.Strict)
		})
	}
}

// toXML are documents that are written in another way than they are read.
var toXML = []pair{
	// kind and type, 8.1
	{`{"body":"hi"}`, `<message><body>hi</body></message>`},
	{`{"id":"1"}`, `<message id="1"/>`},
	{`{"type":"get","id":"1"}`, `<iq type="get" id="1"/>`},
	{`{"type":"result"}`, `<iq type="result"/>`},
	{`{"type":"chat"}`, `<message type="chat"/>`},
	{`{"type":"normal","show":"away"}`, ``}, // show is no member of a message
	{`{"type":"subscribe"}`, `<presence type="subscribe"/>`},
	{`{"type":"available"}`, `<presence/>`},
	{`{"kind":"presence","type":"available"}`, `<presence/>`},
	{`{"kind":"presence"}`, `<presence/>`},
	{`{"kind":"iq"}`, `<iq type="get"/>`},
	{`{"ping":true}`, `<iq type="get"><ping xmlns="urn:xmpp:ping"/></iq>`},
	{`{"disco":true}`, `<iq type="get"><query xmlns="http://jabber.org/protocol/disco#info"/></iq>`},
	{`{"items":true}`, `<iq type="get"><query xmlns="http://jabber.org/protocol/disco#items"/></iq>`},
	{`{"version":{}}`, `<iq type="get"><query xmlns="jabber:iq:version"/></iq>`},
	{`{"command":"n"}`, `<iq type="set"><command xmlns="http://jabber.org/protocol/commands" node="n"/></iq>`},
	{`{"archive":{}}`, `<iq type="set"><query xmlns="urn:xmpp:mam:2"/></iq>`},
	{`{"html":"<body/>"}`, `<message><html xmlns="http://jabber.org/protocol/xhtml-im"><body xmlns="http://www.w3.org/1999/xhtml"/></html></message>`},
	{`{"replace":"1"}`, `<message><replace xmlns="urn:xmpp:message-correct:0" id="1"/></message>`},
	{`{"thread":{}}`, `<message><thread/></message>`},
	{`{"show":"xa"}`, `<presence><show>xa</show></presence>`},
	{`{"status":"s"}`, `<presence><status>s</status></presence>`},
	{`{"priority":1}`, `<presence><priority>1</priority></presence>`},
	{`{"join":true}`, `<presence><x xmlns="http://jabber.org/protocol/muc"/></presence>`},
	{`{"join":true,"muc":{"history":{}}}`, `<presence><x xmlns="http://jabber.org/protocol/muc"><history/></x></presence>`},
	{`{"lastactivity":{}}`, `<iq type="get"><query xmlns="jabber:iq:last"/></iq>`},
	// from without to
	{`{"from":"a@b","body":"x"}`, `<message from="a@b"><body>x</body></message>`},
	{`{"to":"A@B.","body":"x"}`, `<message to="a@b"><body>x</body></message>`},
	// null is absent
	{`{"body":null,"to":null,"subject":"s","oob":{"url":"u","desc":null}}`, `<message><subject>s</subject><x xmlns="jabber:x:oob"><url>u</url></x></message>`},
	{`{"payload":{"datatype":null,"data":null}}`, `<message><payload xmlns="urn:xmpp:json-msg:0"><json xmlns="urn:xmpp:json:0">null</json></payload></message>`},
	{`{"payload":{}}`, `<message><payload xmlns="urn:xmpp:json-msg:0"><json xmlns="urn:xmpp:json:0">null</json></payload></message>`},
	// placements, 8.2
	{`{"markable":false}`, `<message/>`},
	{`{"kind":"iq","type":"result","stats":[]}`, `<iq type="result"><query xmlns="http://jabber.org/protocol/stats"/></iq>`},
	{`{"kind":"iq","type":"result","stats":{}}`, `<iq type="result"><query xmlns="http://jabber.org/protocol/stats"/></iq>`},
	{`{"priority":1e1}`, `<presence><priority>10</priority></presence>`},
	{`{"priority":7.0}`, `<presence><priority>7</priority></presence>`},
	{`{"oob_url":"u"}`, `<message><x xmlns="jabber:x:oob"><url>u</url></x></message>`},
	{`{"oob_url":"u","oob":{"url":"u","desc":"d"}}`, `<message><x xmlns="jabber:x:oob"><url>u</url><desc>d</desc></x></message>`},
	// special fields, 8.7
	{`{"html":" <body>hello</body>\n"}`, `<message><html xmlns="http://jabber.org/protocol/xhtml-im"><body xmlns="http://www.w3.org/1999/xhtml">hello</body></html></message>`},
	{`{"disco":{}}`, `<iq type="get"><query xmlns="http://jabber.org/protocol/disco#info"/></iq>`},
	{`{"kind":"iq","items":{"node":"n"}}`, `<iq type="get"><query xmlns="http://jabber.org/protocol/disco#items" node="n"/></iq>`},
	{`{"kind":"iq","items":["a","b"]}`, `<iq type="get"><query xmlns="http://jabber.org/protocol/disco#items"><item jid="a"/><item jid="b"/></query></iq>`},
	{`{"command":{"node":"n","data":{"a":"1","b":["2","3"],"c":true,"d":4,"e":null}}}`, `<iq type="set"><command xmlns="http://jabber.org/protocol/commands" node="n"><x xmlns="jabber:x:data" type="submit"><field var="a"><value>1</value></field>` +
		`<field var="b"><value>2</value><value>3</value></field><field var="c"><value>1</value></field><field var="d"><value>4</value></field><field var="e"/></x></command></iq>`},
	{`{"command":{"node":"n","actions":{"next":true,"prev":false},"note":{"text":"t"}}}`, `<iq type="set"><command xmlns="http://jabber.org/protocol/commands" node="n"><actions><next/></actions><note>t</note></command></iq>`},
	{`{"formdata":{"a":"1"}}`, `<message><x xmlns="jabber:x:data" type="submit"><field var="a"><value>1</value></field></x></message>`},
	{`{"dataform":{"fields":[{"var":"m","type":"text-multi","value":["a","b"]},{"var":"b","type":"boolean","value":true}]}}`, `<message><x xmlns="jabber:x:data"><field var="m" type="text-multi"><value>a</value><value>b</value></field><field var="b" type="boolean"><value>1</value></field></x></message>`},
	// archive shorthand, 8.8
	{
		`{"archive":{"with":"a@b","start":"s","end":"e","before-id":"1","after-id":"2","ids":"3, 4","after":"x","before":"y","max":"10"}}`,
		`<iq type="set"><query xmlns="urn:xmpp:mam:2"><x xmlns="jabber:x:data" type="submit"><field var="FORM_TYPE" type="hidden"><value>urn:xmpp:mam:2</value></field><field var="with"><value>a@b</value></field><field var="start"><value>s</value></field>` +
			`<field var="end"><value>e</value></field><field var="before-id"><value>1</value></field><field var="after-id"><value>2</value></field><field var="ids"><value>3</value><value>4</value></field></x>` +
			`<set xmlns="http://jabber.org/protocol/rsm"><after>x</after><before>y</before><max>10</max></set></query></iq>`,
	},
	{`{"archive":{"ids":["1","2"],"queryid":"q"}}`, `<iq type="set"><query xmlns="urn:xmpp:mam:2" queryid="q"><x xmlns="jabber:x:data" type="submit"><field var="FORM_TYPE" type="hidden"><value>urn:xmpp:mam:2</value></field><field var="ids"><value>1</value><value>2</value></field></x></query></iq>`},
	{`{"archive":{"max":5}}`, `<iq type="set"><query xmlns="urn:xmpp:mam:2"><set xmlns="http://jabber.org/protocol/rsm"><max>5</max></set></query></iq>`},
	// errors, 8.9
	{`{"to":"a@b","error":{"condition":"gone"}}`, `<message type="error" to="a@b"><error type="cancel"><gone xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></message>`},
	{`{"type":"chat","error":{}}`, `<message type="error"><error type="cancel"><undefined-condition xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></message>`},
	{`{"kind":"presence","type":"error","error":{"type":"auth","condition":"forbidden"}}`, `<presence type="error"><error type="auth"><forbidden xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></presence>`},
	{`{"type":"error"}`, `<message type="error"/>`},
}

func TestContract_toXML(t *testing.T) {
	for _, tt := range toXML {
		t.Run(tt.json, func(t *testing.T) { checkXML(t, tt) })
	}
}

// toJSON are stanzas whose JSON, in mod_rest's own mapping, does not make all of them.
var toJSON = []pair{
	{`{"kind":"message","body":"a"}`, `<message><body>a</body><body xml:lang="de">b</body></message>`},
	{`{"kind":"message"}`, `<message><body>a<b/></body></message>`},
	{`{"kind":"message","delay":"s"}`, `<message><delay xmlns="urn:xmpp:delay" stamp="s" from="a" x="y">t</delay></message>`},
	{`{"kind":"message","reference":{"begin":255,"end":7.0}}`, `<message><reference xmlns="urn:xmpp:reference:0" begin="0xff" end="7.0"/></message>`},
	{`{"kind":"message","reference":{"begin":1000,"end":7}}`, `<message><reference xmlns="urn:xmpp:reference:0" begin="1e3" end=" 7 "/></message>`},
	{`{"kind":"message","reference":{"type":"t"}}`, `<message><reference xmlns="urn:xmpp:reference:0" begin="x" type="t"/></message>`},
	{`{"kind":"message","invite":{"continue":true}}`, `<message><x xmlns="jabber:x:conference" continue="yes"/></message>`},
	{`{"kind":"message","state":"active"}`, `<message><active xmlns="http://jabber.org/protocol/chatstates"/><paused xmlns="http://jabber.org/protocol/chatstates"/></message>`},
	{`{"kind":"presence","type":"available","priority":1000,"show":"odd"}`, `<presence><priority>1000</priority><show>odd</show></presence>`},
	{`{"kind":"presence","type":"available","muc":{}}`, `<presence><x xmlns="http://jabber.org/protocol/muc"><password>p</password><y/></x></presence>`},
	{`{"kind":"message"}`, `<message><html xmlns="http://jabber.org/protocol/xhtml-im"/></message>`},
	{`{"kind":"message","payload":{"datatype":"d","data":[1]}}`, `<message><payload xmlns="urn:xmpp:json-msg:0" datatype="d">[1]</payload></message>`},
	{`{"kind":"message","payload":{"datatype":"d"}}`, `<message><payload xmlns="urn:xmpp:json-msg:0" datatype="d">no JSON</payload></message>`},
	{`{"kind":"message","payload":{}}`, `<message><payload xmlns="urn:xmpp:json-msg:0"/></message>`},
	{
		`{"kind":"iq","type":"result","disco":{"identities":[],"features":["a"]}}`,
		`<iq type="result"><query xmlns="http://jabber.org/protocol/disco#info"><identity category="c"/><feature/><feature var="a"/><x xmlns="jabber:x:data"><field var="a"/></x></query></iq>`,
	},
	{
		`{"kind":"iq","type":"result","disco":{"identities":[],"features":[],"extensions":{"f":{"l":["1"],"m":"a\nb","b":true,"t":"x","n":null,"u":["y"]}}}}`,
		`<iq type="result"><query xmlns="http://jabber.org/protocol/disco#info"><x xmlns="jabber:x:data"><field var="FORM_TYPE"><value>f</value></field><field var="l" type="list-single"><value>1</value></field>` +
			`<field var="m" type="text-multi"><value>a</value><value>b</value></field><field var="b" type="boolean"><value>1</value></field><field var="t" type="text-single"><value>x</value></field>` +
			`<field var="n" type="text-single"/><field var="u"><value>y</value></field></x></query></iq>`,
	},
	{`{"kind":"iq","type":"result","items":[{"jid":"a"}]}`, `<iq type="result"><query xmlns="http://jabber.org/protocol/disco#items" node="n"><item jid="a"/></query></iq>`},
	{`{"kind":"message","type":"error","error":{"type":"cancel","condition":"undefined-condition"}}`, `<message type="error"><error type="cancel"><odd xmlns="urn:x"/></error></message>`},
	{`{"kind":"message","type":"error"}`, `<message type="error"/>`},
	{`{"kind":"iq","type":"result","result":{}}`, `<iq type="result"><fin xmlns="urn:xmpp:mam:2" complete="1"/></iq>`},
	{`{"kind":"message"}`, `<message><unknown xmlns="urn:x"/>text</message>`},
}

func TestContract_toJSON(t *testing.T) {
	for _, tt := range toJSON {
		t.Run(tt.xml, func(t *testing.T) {
			checkJSON(t, tt, jsonmap.Strict)
			st := parseXML(t, tt.xml)
			checkRoundTrip(t, st)
			if !strings.Contains(string(jsonmap.Append(nil, st, jsonmap.Full)), jsonmap.GenericKey) && tt.xml != `<message type="error"/>` {
				t.Errorf("%s: what is lost is not told under %q", st, jsonmap.GenericKey)
			}
		})
	}
}

func parseXML(t *testing.T, doc string) stanza.Stanza {
	t.Helper()
	st, err := stanza.Parse([]byte(doc))
	if err != nil {
		t.Fatalf("%s: %v", doc, err)
	}
	return st
}

// checkXML: the JSON makes that XML, or is refused if that is empty.
func checkXML(t *testing.T, tt pair) {
	t.Helper()
	st, err := jsonmap.Parse([]byte(tt.json), jsonmap.Envelope{}, jsonmap.Full)
	if tt.xml == "" {
		if err == nil {
			t.Errorf("%s makes %s", tt.json, st)
		}
		return
	}
	if err != nil {
		t.Fatalf("%s: %v", tt.json, err)
	}
	if got, want := canonical(t, st), canonical(t, parseXML(t, tt.xml)); got != want {
		t.Errorf("%s\n got %s\nwant %s", tt.json, got, want)
	}
}

// checkJSON: the XML is written as that JSON.
func checkJSON(t *testing.T, tt pair, p jsonmap.Profile) {
	t.Helper()
	text := jsonmap.Append(nil, parseXML(t, tt.xml), p)
	if diff := cmp.Diff(decoded(t, []byte(tt.json)), decoded(t, text)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", tt.xml, diff)
	}
}

func decoded(t *testing.T, doc []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(doc, &v); err != nil {
		t.Fatalf("%s: %v", doc, err)
	}
	return v
}
