package doctor

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/restanza/restanza/config"
	"github.com/restanza/restanza/link"
)

// maxAddresses is how many of a server's addresses are tried.
const maxAddresses = 8

// visit is what Run is about while it tries one component.
type visit struct {
	patient *patient
	c       *config.Component

	addresses []netip.Addr
	trial     *link.Trial // nil: there is no connection
	broken    string      // why the later steps can't be tried; empty: they can

	callbackAhead time.Duration // what the callback's clock is ahead of ours, to the second
	callbackDated bool          // it says what time it is
}

// leave closes the connection to the server, if there is one.
func (v *visit) leave(ctx context.Context) {
	if v.trial != nil {
		v.trial.End(ctx)
		v.trial = nil
	}
}

// resolve finds the addresses of the server.
func (v *visit) resolve(ctx context.Context) finding {
	host, _, _ := net.SplitHostPort(v.c.Server)
	if ip, err := netip.ParseAddr(host); err == nil {
		v.addresses = []netip.Addr{ip}
		return ok(host + " is an address already")
	}
	found, err := v.patient.o.Lookup(ctx, host)
	if err != nil {
		return failed(v.explain(err), "if the server runs on this machine, write 127.0.0.1:5347 for component.server or --server",
			"else check the name in DNS or /etc/hosts: getent hosts "+host)
	}
	if len(found) == 0 {
		return failed(host+" has no address", "check the name in DNS: getent hosts "+host)
	}
	v.addresses = found[:min(len(found), maxAddresses)]
	names := make([]string, len(found))
	for i, ip := range found {
		names[i] = ip.Unmap().String()
	}
	return ok(host + " is " + strings.Join(names, ", "))
}

// connect opens a TCP connection to each address of the server, all at once, so
// that one that is silent leaves time to the others.
func (v *visit) connect(ctx context.Context) finding {
	if v.broken != "" {
		return skipped(v.broken)
	}
	_, port, _ := net.SplitHostPort(v.c.Server)
	errs := make([]error, len(v.addresses))
	var dialling sync.WaitGroup
	for i, ip := range v.addresses {
		dialling.Go(func() {
			conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(ip.String(), port))
			if errs[i] = err; err == nil {
				conn.Close()
			}
		})
	}
	dialling.Wait()

	var answering, try []string
	for i, ip := range v.addresses {
		address := net.JoinHostPort(ip.Unmap().String(), port)
		if errs[i] == nil {
			answering = append(answering, address)
		} else {
			try = append(try, link.Explain(errs[i], address, v.c.Domain))
		}
	}
	if len(answering) == 0 {
		return failed(try[0], append(try[1:], v.aboutPorts()...)...)
	}
	return warningIf(strings.Join(answering, ", ")+" accepts connections", append(try, v.aboutRoute()...))
}

// aboutPorts says where servers take components.
func (v *visit) aboutPorts() []string {
	return []string{
		"Prosody listens for components on 127.0.0.1:5347 and [::1]:5347 only, and only if its configuration has a Component; component_interfaces and component_ports change that",
		"ejabberd has no such port unless its configuration has a listener: port: 5347, module: ejabberd_service, hosts: " + v.c.Domain.String() + ": password: …",
		"from another machine a firewall must let it through; a tunnel is better, since the connection is not encrypted",
	}
}

// aboutRoute warns of a secret and stanzas that cross the internet in the clear.
func (v *visit) aboutRoute() []string {
	for _, ip := range v.addresses {
		if ip = ip.Unmap(); ip.IsGlobalUnicast() && !ip.IsPrivate() {
			return []string{fmt.Sprintf("component connections are not encrypted, and %s is on a public network: use a tunnel", ip)}
		}
	}
	return nil
}

// handshake connects as the component, unless a running gateway has done so.
func (v *visit) handshake(ctx context.Context) finding {
	if v.broken != "" {
		return skipped(v.broken)
	}
	if g := v.patient.gateway; g != nil && !v.patient.o.ForceHandshake {
		if how, up := g.links[v.c.Domain.String()]; up {
			v.broken = "so as not to disturb the running gateway; --force-handshake tries it all the same"
			return v.askedGateway(how)
		}
	}
	began := time.Now()
	trial, err := v.try(ctx)
	if err != nil {
		return v.aboutHandshake(ctx, err)
	}
	v.trial = trial
	return ok(fmt.Sprintf("the server takes %s and its secret, in %s", v.c.Domain, short(time.Since(began))))
}

// askedGateway judges what a running gateway says of its link, which is up.
func (v *visit) askedGateway(how string) finding {
	detail := "the running gateway says: " + how
	if strings.Contains(how, "link to "+v.c.Server+" ") {
		return ok(detail)
	}
	return warning(detail+"; but the configuration names "+v.c.Server,
		"if the configuration was changed since the gateway was started, restart that, or try --force-handshake")
}

// try shakes hands. It leaves a quarter of the step's time for finding out who is
// there if the server keeps silent.
func (v *visit) try(ctx context.Context) (*link.Trial, error) {
	limit := v.patient.o.Timeout * 3 / 4
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errTooSlow)
	defer cancel()
	return link.Try(ctx, link.ComponentOptions{Domain: v.c.Domain, Address: v.c.Server, Secret: v.c.Secret.Reveal()})
}

// ping has the server route a ping back.
func (v *visit) ping(ctx context.Context) finding {
	if v.broken != "" {
		return skipped(v.broken)
	}
	took, err := v.trial.Ping(ctx)
	if err != nil {
		v.leave(ctx)
		return failed(link.ExplainTrial(err, v.c.Server, v.c.Domain),
			"until pings come back, nothing that is sent gets confirmed, and callers get errors")
	}
	return ok("the server routes a ping back in " + short(took))
}

// explain says what an error before or in the handshake means.
func (v *visit) explain(err error) string { return link.Explain(err, v.c.Server, v.c.Domain) }
