package client

import (
	"encoding/json"
	"html"
	"mime"
	"regexp"
	"strings"

	"github.com/restanza/restanza/element"
)

// document is what an error document says; any of it may be missing.
type document struct {
	condition string
	errorType string
	text      string
}

// readDocument reads the error documents of Restanza (RFC 9457), of mod_rest (JSON,
// XML, HTML), and pages of proxies.
func readDocument(contentType string, body []byte) document {
	mediaType, _, _ := mime.ParseMediaType(contentType) // what can't be read is no type that is known
	var d document
	switch {
	case mediaType == "application/json" || strings.HasSuffix(mediaType, "+json"):
		d = readJSON(body)
	case mediaType == "application/xml" || mediaType == "text/xml" || strings.HasSuffix(mediaType, "+xml"):
		d = readXML(body)
	case mediaType == "text/html":
		d.text = readHTML(string(body))
	case mediaType == "text/plain":
		d.text = string(body)
	}
	return document{Printable(d.condition), Printable(d.errorType), Printable(d.text)}
}

// readJSON reads problem+json, and mod_rest's object with an error inside.
func readJSON(body []byte) document {
	var top map[string]any
	if json.Unmarshal(body, &top) != nil {
		return document{}
	}
	member := func(from map[string]any, names ...string) string {
		for _, name := range names {
			if s, ok := from[name].(string); ok && s != "" {
				return s
			}
		}
		return ""
	}
	if inner, ok := top["error"].(map[string]any); ok {
		return document{member(inner, "condition"), member(inner, "type"), member(inner, "text")}
	}
	return document{member(top, "condition"), member(top, "error_type"), member(top, "text", "detail", "title")}
}

// readXML reads the form of a stream error (RFC 6120 §4.9.2).
func readXML(body []byte) document {
	el, err := element.NewScanner(answerLimits, element.Scope{}).Document(body)
	if err != nil || string(el.Local) != "error" {
		return document{}
	}
	var d document
	for i := range el.Children {
		switch child := &el.Children[i]; {
		case string(child.Local) == "text":
			d.text = element.Text(child.Raw)
		case d.condition == "":
			d.condition = string(child.Local)
		}
	}
	return d
}

var (
	// invisible are the parts of a page that nobody reads.
	invisible = regexp.MustCompile(`(?is)<(head|style|script)\b.*?</(head|style|script)\s*>|<!--.*?-->`)
	anyTag    = regexp.MustCompile(`(?s)<[^>]*>`)
)

// readHTML returns the text of a page.
func readHTML(page string) string {
	page = invisible.ReplaceAllString(page, " ")
	return html.UnescapeString(anyTag.ReplaceAllString(page, " "))
}
