package restanza_test

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/restanza/restanza/config"
	"github.com/restanza/restanza/format"
	"github.com/restanza/restanza/internal/xmpptest"
)

// The webhooks of the description are the requests that the gateway makes, in all formats
// that it has; and answers have them, too, each with a reply, and several replies if it
// can have them.
func TestOpenAPI_webhookRequests(t *testing.T) {
	doc := readOpenAPI(t)
	server := xmpptest.StartFake(t)
	g := startGateway(t, server)
	xmpptest.Login(t, server, "alice").SendMessage("bot@"+g.domain, "hi")
	made := []string{g.receiver.Next(patience).Method, g.receiver.WaitProbe(patience).Method}
	var described []string
	for _, item := range doc.Webhooks {
		described = append(described, slices.Collect(maps.Keys(item.Operations()))...)
	}
	slices.Sort(described)
	if slices.Sort(made); !slices.Equal(made, described) {
		t.Fatalf("the gateway makes the requests %v, described are %v", made, described)
	}
	op := doc.Webhooks["stanza"].Post
	var types []string
	for _, f := range format.All() {
		types = append(types, f.MediaType)
		if m := op.RequestBody.Value.Content[f.MediaType]; m == nil || m.Examples["chat"] == nil {
			t.Errorf("no stanza is shown in %s", f.MediaType)
		}
		answer := op.Responses.Value("200").Value.Content[f.MediaType]
		if answer == nil || answer.Examples["reply"] == nil {
			t.Errorf("no reply is shown in %s", f.MediaType)
		} else if several := f.Wrapper() != (format.Wrapper{}); several != (answer.Examples["replies"] != nil) {
			t.Errorf("there can be several replies in %s: %t", f.MediaType, several)
		}
	}
	slices.Sort(types)
	for _, content := range []openapi3.Content{op.RequestBody.Value.Content, op.Responses.Value("200").Value.Content} {
		if got := slices.Sorted(maps.Keys(content)); !slices.Equal(got, types) {
			t.Errorf("described are %v, the formats are %v", got, types)
		}
	}
}

// The answer to the probe that is shown makes the gateway write as it says.
func TestOpenAPI_probe(t *testing.T) {
	response := readOpenAPI(t).Webhooks["probe"].Options.Responses.Value("200").Value
	accept := response.Headers["Accept"]
	if accept == nil || len(response.Headers) != 1 {
		t.Fatalf("the answer has the fields %v", slices.Collect(maps.Keys(response.Headers)))
	}
	shown := accept.Value.Example.(string)
	receiver := xmpptest.NewReceiver(t)
	receiver.HandleProbe(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Accept", shown) })
	server := xmpptest.StartFake(t)
	g := startGateway(t, server, func(c *config.Config) { c.Components[0].Callback.URL = config.Secret(receiver.URL() + "/") })
	g.waitUntil("the log says so", func() bool { return strings.Contains(g.log.String(), "format="+shown) })
	xmpptest.Login(t, server, "alice").SendMessage("bot@"+g.domain, "hi")
	if got := receiver.Next(patience).Header.Get("Content-Type"); got != shown {
		t.Errorf("posted as %s", got)
	}
}

// A callback's requests are as the webhook of the description says, in every format, and
// each answer that it shows brings the reply.
func TestOpenAPI_webhooks(t *testing.T) {
	doc := readOpenAPI(t)
	op := doc.Webhooks["stanza"].Post
	for mediaType, m := range op.RequestBody.Value.Content {
		t.Run(mediaType, func(t *testing.T) {
			f, err := format.Find(mediaType)
			if err != nil {
				t.Fatal(err)
			}
			server := xmpptest.Start(t, "fake")
			g := startGateway(t, server, func(c *config.Config) {
				c.Components[0].Callback.ContentType = f.Name
				c.Components[0].Callback.SigningSecrets = []config.Secret{newSecret, oldSecret}
			})
			alice := xmpptest.Login(t, server, "alice")
			for answerType, answer := range op.Responses.Value("200").Value.Content {
				for name, shown := range answer.Examples {
					g.receiver.Answer(http.StatusOK, answerType, string(encodeExample(t, answerType, shown.Value.Value)))
					alice.Send(`<message type="chat" id="m1" to="bot@` + g.domain + `" xml:lang="en"><body>Are you there?</body></message>`)
					doc.checkCallback(t, op, m, mediaType, g.receiver.Next(patience))
					alice.Wait(patience, body("Yes."))
					if name == "replies" {
						alice.Wait(patience, body("What is it?"))
					}
				}
			}
		})
	}
}

// checkCallback checks that a request of the gateway is as it is described.
func (d *description) checkCallback(t *testing.T, op *openapi3.Operation, m *openapi3.MediaType, mediaType string, c xmpptest.Callback) {
	t.Helper()
	if got := c.Header.Get("Content-Type"); got != mediaType {
		t.Errorf("posted as %q", got)
	}
	known := []string{"Accept", "Content-Type", "Content-Length"} // those that OpenAPI does not let stand among the parameters
	for _, p := range op.Parameters {
		known = append(known, p.Value.Name)
		value := c.Header.Get(p.Value.Name)
		if value == "" {
			t.Errorf("there is no %s", p.Value.Name)
		}
		if !regexp.MustCompile(p.Value.Schema.Value.Pattern).MatchString(value) {
			t.Errorf("%s: %s", p.Value.Name, value)
		}
	}
	for name := range c.Header {
		if !slices.Contains(known, name) {
			t.Errorf("the field %s is not documented", name)
		}
	}
	value := decodeBody(t, mediaType, []byte(c.Body))
	if err := d.fits(t, m.Schema, value); err != nil {
		t.Errorf("%s does not fit its schema: %v", c.Body, err)
	}
	shown, ok := plain(m.Examples["chat"].Value.Value).(map[string]any)
	if got, isObject := value.(map[string]any); ok && isObject {
		if want := slices.Sorted(maps.Keys(shown)); !slices.Equal(want, slices.DeleteFunc(slices.Sorted(maps.Keys(got)), func(s string) bool { return s == "lang" })) {
			t.Errorf("posted %s, which has other members than is shown: %q", c.Body, want)
		}
	}
}
