package doctor

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
)

// maxHealth bounds the health report of a running gateway, in bytes.
const maxHealth = 64 << 10

// gateway is what a running gateway says of itself.
type gateway struct {
	verdict string            // the last line of its report
	links   map[string]string // what it says of a link that is up, by domain
}

// findGateway asks who listens at an address whether it is a Restanza; nil: it
// is not, or it does not answer. It sends no credentials.
func findGateway(ctx context.Context, address string) *gateway {
	client := &http.Client{
		Transport: &http.Transport{
			//nolint:gosec // this machine asks itself, by an address that the certificate need not have, and sends no secret
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer client.CloseIdleConnections()
	for _, scheme := range []string{"http", "https"} {
		base := scheme + "://" + reachable(address)
		if status, text := get(ctx, client, base+"/livez"); status != http.StatusOK || text != "alive\n" {
			continue
		}
		if status, text := get(ctx, client, base+"/readyz?verbose"); status == http.StatusOK || status == http.StatusServiceUnavailable {
			return readHealth(text)
		}
	}
	return nil
}

// reachable returns where a listener on all addresses can be reached.
func reachable(address string) string {
	host, port, _ := net.SplitHostPort(address)
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

// get returns a status and a body; 0: there is no proper answer.
func get(ctx context.Context, client *http.Client, url string) (status int, body string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, ""
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxHealth))
	if err != nil {
		return 0, ""
	}
	return resp.StatusCode, string(text)
}

// readHealth reads what /readyz?verbose says: a line like "[+] domain: how it is"
// for each link, and a verdict.
func readHealth(text string) *gateway {
	g := &gateway{links: map[string]string{}}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if rest, up := strings.CutPrefix(line, "[+] "); up {
			if domain, how, ok := strings.Cut(rest, ": "); ok {
				g.links[domain] = how
			}
			continue
		}
		g.verdict = line
	}
	return g
}
