package devhost

import (
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// service is a part of the host that has a domain of its own. It sends by
// Host.send.
type service interface {
	// receive takes a stanza for the service's domain. It is called for one
	// stanza after the other, in order, and without the host's lock.
	receive(st stanza.Stanza)
}

// The limits of what may wait for a service.
const (
	maxMail      = 10_000   // stanzas
	maxMailBytes = 16 << 20 // of all of them
)

// mailbox is what waits for a service. A goroutine hands it over; it lives only
// while there is something.
type mailbox struct {
	host    *Host
	service service

	mu      sync.Mutex
	waiting []stanza.Stanza
	size    int // bytes of what waits
	running bool
}

// register gives a domain to a service, before the host is run.
func (h *Host) register(domain jid.JID, s service) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.services[domain] = &mailbox{host: h, service: s}
}

// put leaves a stanza for the service. It returns false if too many wait.
func (m *mailbox) put(st stanza.Stanza) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	size := m.size + len(st.XML())
	if len(m.waiting) >= maxMail || size > maxMailBytes {
		return false
	}
	m.waiting, m.size = append(m.waiting, st), size
	if !m.running {
		m.running = true
		m.host.wg.Go(m.run)
	}
	return true
}

// run hands over what waits.
func (m *mailbox) run() {
	for {
		m.mu.Lock()
		batch := m.waiting
		m.waiting, m.size = nil, 0
		m.running = len(batch) > 0
		m.mu.Unlock()
		if len(batch) == 0 {
			return
		}
		for _, st := range batch {
			m.hand(st)
		}
	}
}

// hand gives the service one stanza. A panic costs that stanza.
func (m *mailbox) hand(st stanza.Stanza) {
	defer func() {
		if p := recover(); p != nil {
			m.host.log.Error("a service of the host panicked", "to", st.To().String(), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			m.host.panicked.Add(1)
		}
	}()
	m.service.receive(st)
}
