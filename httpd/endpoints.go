package httpd

import "net/http"

// Endpoint is a path of the door and what can be done there.
type Endpoint struct {
	Path    string   // with parts in braces that differ, as OpenAPI writes it
	Methods []string // HEAD goes with each GET, unless it is at /rest or /events, and OPTIONS with each path there
}

// Endpoints returns all that a Server with every option serves.
func Endpoints() []Endpoint {
	get := []string{http.MethodGet}
	post := []string{http.MethodPost}
	look := []string{http.MethodDelete, http.MethodGet}
	return []Endpoint{
		{"/rest", []string{http.MethodGet, http.MethodOptions, http.MethodPost}},
		{"/rest/outbox/{id}", get},
		{"/rest/echo", post},
		{"/rest/echo/{kind}/{type}/{to}", post},
		{"/rest/echo/iq/{field}/{to}", post},
		{"/rest/{kind}/{type}/{to}", []string{http.MethodGet, http.MethodPost}},
		{"/rest/iq/{field}/{to}", post},
		{"/rest/{field}/{to}", get},
		{"/events", get},
		{"/events.json", get},
		{"/events.sse", get},
		{"/events.ndjson", get},
		{"/events/ws", get},
		{"/events/ack", post},
		{"/events/consumers", get},
		{"/events/consumers/{name}", []string{http.MethodDelete}},
		{"/deliveries", look},
		{"/deliveries/{id}", look},
		{"/deliveries/retry", post},
		{"/deliveries/{id}/retry", post},
		{"/dead-letters", look},
		{"/dead-letters/{id}", look},
		{"/dead-letters/replay", post},
		{"/dead-letters/{id}/replay", post},
		{"/tokens", []string{http.MethodGet, http.MethodPost}},
		{"/tokens/{id}", look},
		{"/livez", get},
		{"/readyz", get},
		{"/metrics", get},
		{"/openapi.yaml", get},
		{"/openapi.json", get},
		{"/docs", get},
		{"/docs/", get},
	}
}
