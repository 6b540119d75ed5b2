package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
)

// listener finds out whether the gateway could open its HTTP listener, by
// opening it for a moment, and whether one that is running has done so.
func (p *patient) listener(ctx context.Context) finding {
	address := p.o.Config.HTTP.Listen
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return p.taken(ctx, address, err)
	}
	l.Close()
	return p.exposed(address + " is free")
}

// taken explains why the listener can't be opened.
func (p *patient) taken(ctx context.Context, address string, err error) finding {
	_, port, _ := net.SplitHostPort(address)
	switch dns, isDNS := errors.AsType[*net.DNSError](err); {
	case errors.Is(err, syscall.EADDRINUSE):
		if p.gateway = findGateway(ctx, address); p.gateway != nil {
			return p.exposed(fmt.Sprintf("%s is held by a running Restanza, which says: %s", address, p.gateway.verdict))
		}
		return failed(address+" is in use by another program",
			"find it with: ss -ltnp 'sport = :"+port+"'",
			"stop it, or choose another address by http.listen or --listen")
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return failed("this user may not listen on "+address,
			"choose a port above 1023 by http.listen or --listen",
			"or let systemd allow it: AmbientCapabilities=CAP_NET_BIND_SERVICE")
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return failed(address+" is no address of this machine",
			"choose one that ip address shows, by http.listen or --listen; 127.0.0.1:"+port+" is for this machine only")
	case isDNS:
		return failed("the host of "+address+" is not known: "+dns.Err, "write an address of this machine, such as 127.0.0.1:"+port)
	}
	return failed("can't listen on "+address+": "+reason(err), "choose another address by http.listen or --listen")
}

// exposed warns of a door that takes credentials from other machines without
// TLS.
func (p *patient) exposed(detail string) finding {
	h := p.o.Config.HTTP
	host, _, _ := net.SplitHostPort(h.Listen)
	if h.TLSCertificate != "" || host == "localhost" || isLoopback(host) {
		return ok(detail)
	}
	return warning(detail+", and other machines can reach it without TLS: credentials and stanzas can be read on the way",
		"listen on 127.0.0.1, with a reverse proxy for HTTPS in front",
		"or set http.tls_certificate and http.tls_key")
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// reason returns what is wrong without the addresses and paths around it, if the
// system says so.
func reason(err error) string {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno.Error()
	}
	return strings.TrimSpace(err.Error())
}
