package gateway

import (
	"bytes"
	"container/list"
	"context"
	"sync"
	"time"

	"github.com/restanza/restanza/journal"
)

const (
	maxMemoryKeys    = 10_000
	maxMemoryAnswers = 64 << 20 // bytes
)

type keyName struct{ scope, key string }

// memoryKeys are idempotency keys that are lost with the process.
type memoryKeys struct {
	age time.Duration

	mu    sync.Mutex
	keys  map[keyName]*list.Element // of *memoryKey
	order *list.List                // the oldest first
	bytes int                       // of answers
}

// memoryKey is the use of a key. All but done is guarded by memoryKeys.mu.
type memoryKey struct {
	name        keyName
	fingerprint []byte
	expires     time.Time
	done        chan struct{} // closed when the request has ended
	finished    bool          // there is an answer
	answer      journal.Answer
}

func newMemoryKeys(age time.Duration) *memoryKeys {
	return &memoryKeys{age: age, keys: map[keyName]*list.Element{}, order: list.New()}
}

// memoryClaim is what a request finds at a key.
type memoryClaim struct {
	outcome journal.Outcome
	answer  journal.Answer
	keys    *memoryKeys
	key     *memoryKey
}

func (m *memoryKeys) begin(name keyName, fingerprint []byte) *memoryClaim {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if e := m.keys[name]; e != nil {
		k := e.Value.(*memoryKey)
		c := &memoryClaim{keys: m, key: k}
		switch {
		case k.finished && !now.Before(k.expires):
			m.remove(k)
			return m.add(name, fingerprint, now)
		case !bytes.Equal(k.fingerprint, fingerprint):
			c.outcome = journal.Mismatch
		case !k.finished:
			c.outcome = journal.Running
		default:
			c.outcome, c.answer = journal.Stored, k.answer
		}
		return c
	}
	return m.add(name, fingerprint, now)
}

// add makes the caller the owner of a key.
func (m *memoryKeys) add(name keyName, fingerprint []byte, now time.Time) *memoryClaim {
	k := &memoryKey{name: name, fingerprint: bytes.Clone(fingerprint), expires: now.Add(m.age), done: make(chan struct{})}
	m.keys[name] = m.order.PushBack(k)
	m.shrink()
	return &memoryClaim{outcome: journal.Started, keys: m, key: k}
}

// shrink removes the oldest keys while there are too many. Those that requests are
// at stay.
func (m *memoryKeys) shrink() {
	for e := m.order.Front(); e != nil && (m.order.Len() > maxMemoryKeys || m.bytes > maxMemoryAnswers); {
		next := e.Next()
		if k := e.Value.(*memoryKey); k.finished {
			m.remove(k)
		}
		e = next
	}
}

func (m *memoryKeys) remove(k *memoryKey) {
	m.order.Remove(m.keys[k.name])
	delete(m.keys, k.name)
	m.bytes -= len(k.answer.Body)
}

func (c *memoryClaim) wait(ctx context.Context) error {
	select {
	case <-c.key.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Finish implements claim.
func (c *memoryClaim) Finish(_ context.Context, a journal.Answer) error {
	c.keys.mu.Lock()
	defer c.keys.mu.Unlock()
	c.key.finished, c.key.answer = true, a
	c.keys.bytes += len(a.Body)
	close(c.key.done)
	c.keys.shrink()
	return nil
}

// Abandon implements claim.
func (c *memoryClaim) Abandon(context.Context) error {
	c.keys.mu.Lock()
	defer c.keys.mu.Unlock()
	c.keys.remove(c.key)
	close(c.key.done)
	return nil
}
