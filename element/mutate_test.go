package element

import (
	"math/rand/v2"
	"strings"
)

// seeds are the documents from which TestDifferential makes others, and from
// which the fuzz targets start.
var seeds = []string{
	chatMessage,
	`<a/>`,
	`<a></a >`,
	`<a b='1' c="2"/>`,
	`<message to="a@b/c" id='x'><body>Hello, &quot;world&quot; &lt;&gt;&amp;&apos;</body></message>`,
	`<iq type="get" to="example.net"><ping xmlns="urn:xmpp:ping"/></iq>`,
	`<p:a xmlns:p="urn:p" p:b="1" b="2"><p:c xmlns:p="urn:q" p:b="3"/><p:c p:b="4"/></p:a>`,
	`<a xmlns="urn:a"><b xmlns=""><c/></b><d xmlns="urn:d" xml:lang="en"/></a>`,
	`<a xmlns:x="urn:1" xmlns:y="urn:2" x:b="1" y:b="2"><x:y y:x=""/></a>`,
	`<a xmlns:x="urn:same" xmlns:y="urn:sam&#101;" x:b="1" y:b="2"/>`,
	`<a xmlns:xml="http://www.w3.org/XML/1998/namespace" xml:space="preserve"> </a>`,
	`<a xmlns:xmlns="http://www.w3.org/2000/xmlns/"/>`,
	`<a xmlns="http://www.w3.org/2000/xmlns/"/>`,
	`<a xmlns:x="http://www.w3.org/XML/1998/namespace"/>`,
	`<a xmlns:x=""/>`,
	`<xmlns:a/>`,
	`<xmlns xml:lang=''><xml:b/></xmlns>`,
	`<a>]] &gt; ]]&gt; > ]]</a>`,
	`<a>]]></a>`,
	`<a><![CDATA[<b>&amp;]]]]><![CDATA[>]]></a>`,
	`<a> <![CDATA[]]> <b/></a>`,
	`<a>&#65;&#x41;&#x1F600;&#0065;&#9;&#10;&#13;</a>`,
	`<a>&#0;</a>`,
	`<a>&#xD800;&#xFFFE;</a>`,
	`<a b="&#65;&#x41;&#9;&#10;&#13;	` + "\r\n\n\r" + `"/>`,
	"<a>\r\n\n\r \t</a>",
	`<a>&nbsp;</a>`,
	`<a b=">"/>`,
	`<a b="<"/>`,
	`<a b="'" c='"'/>`,
	`<é/>`,
	"<a\u0301 \u05d0\u05b0='\u2028'>\u00e9\u4e2d\U0001f600\ufeff\u0085\ufdd0</a\u0301>",
	"<\U0001f600/>",
	"<a \u037f=''/>",
	"<a>\xff</a>",
	"<a>\xc0\x80\xed\xa0\x80</a>",
	"<a>\x01\x7f</a>",
	"<a>\ufffe\uffff</a>",
	"\ufeff<?xml version='1.0' encoding='UTF-8'?>\n<a/>\n",
	`<?xml version="1.0" standalone="yes" ?><a/>`,
	`<?xml version="1.1"?><a/>`,
	`<?xml version="1.0" encoding="ISO-8859-1"?><a/>`,
	` <a/> `,
	`<a><!-- c --></a>`,
	`<a><?pi x?></a>`,
	`<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>`,
	`<a/><b/>`,
	`text<a/>`,
	`<a/>text`,
	`<a><b></a></b>`,
	`<a b="1" b="2"/>`,
	`<a b="1"c="2"/>`,
	`<x:a/>`,
	`<stream:a db:b="" e:c=""><e:d/></stream:a>`,
	`<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>`,
	`<a e:b="1" xmlns:f="a&amp;&#34;&#x3c;b" f:c="2"/>`,
	`<a xmlns='` + "a\n b" + `'><b xmlns='x&#10;y'/></a>`,
}

// bits are what mutations put in.
var bits = []string{
	"<", ">", "/", "&", ";", "'", "\"", "=", ":", "!", "?", "]", "[", "#", "x", " ", "\t", "\n", "\r", "-", ".", "_", "a", "1",
	"&amp;", "&lt;", "&#10;", "&#x20;", "&#xD;", "&#xFFFF;", "&#1;", "&#x110000;", "&nbsp;", "&#38;", "&;", "&#;",
	"]]>", "<![CDATA[", "<!--", "-->", "<?xml version='1.0'?>", "<?x?>", "<!DOCTYPE a>", "/>", "</", "<a>", "</a>", "<b/>", "<x:y/>",
	" xmlns=''", " xmlns='urn:n'", " xmlns:x='urn:x'", " xmlns:y='urn:x'", " x:b='1'", " y:b='2'", " b='3'", " xml:lang='de'", " e:b=''",
	" xmlns:x=''", " xmlns:xml='urn:x'", " xmlns:xmlns='urn:x'", " xmlns:e='q'", "xmlns", "xmlns:", "xml:", "x:", "stream:", "::",
	"http://www.w3.org/XML/1998/namespace", "http://www.w3.org/2000/xmlns/",
	"\x00", "\x08", "\x1f", "\x7f", "\x80", "\xc2", "\xc0\x80", "\xe0\x80\x80", "\xe2\x82", "\xed\xa0\x80", "\xf0\x9f\x98", "\xf4\x90\x80\x80", "\xff",
	"\u00e9", "\u0301", "\u00b7", "\u4e2d", "\u0660", "\u2028", "\ufeff", "\ufffd", "\ufffe", "\uffff", "\U0001f600", "\U000e0001", "\u037f", "\u2c00",
}

// mutate makes a document of a seed: one to four changes, or none.
func mutate(rng *rand.Rand) []byte {
	doc := seeds[rng.IntN(len(seeds))]
	for range rng.IntN(5) {
		doc = change(rng, doc)
	}
	return []byte(doc)
}

func change(rng *rand.Rand, doc string) string {
	if doc == "" {
		return bits[rng.IntN(len(bits))]
	}
	i := rng.IntN(len(doc))
	j := min(len(doc), i+rng.IntN(12))
	bit := bits[rng.IntN(len(bits))]
	switch rng.IntN(8) {
	case 0: // replace a byte
		return doc[:i] + bit + doc[i+1:]
	case 1, 2:
		return doc[:i] + bit + doc[i:]
	case 3: // insert where it has a better chance to be legal
		if k := strings.IndexAny(doc[i:], " />"); k >= 0 {
			i += k
		}
		return doc[:i] + bit + doc[i:]
	case 4: // delete
		return doc[:i] + doc[j:]
	case 5: // repeat
		return doc[:j] + doc[i:]
	case 6: // any byte
		return doc[:i] + string([]byte{byte(rng.IntN(256))}) + doc[i+1:]
	}
	other := seeds[rng.IntN(len(seeds))]
	k := rng.IntN(len(other))
	return doc[:i] + other[k:min(len(other), k+rng.IntN(40))] + doc[j:]
}
