package journal

import "context"

// store is what the engine needs of a database. write is called by one goroutine
// at a time, everything else concurrently. Rows hold text and Unix milliseconds;
// what they mean is the engine's business.
type store interface {
	// write runs fn in a transaction. When it returns nil, the transaction is on
	// disk; otherwise nothing of it is.
	write(fn func(changes) error) error

	has(context.Context, Conversation) (bool, error)
	// due returns conversations in the order of their not-before times and then of their rows, after a place in it.
	due(ctx context.Context, component string, now int64, after Place, limit int) ([]Due, error)
	// nextDue returns the least not-before time of a component's conversations that is later than after.
	nextDue(ctx context.Context, component string, after int64) (at int64, found bool, err error)
	// load returns what waits in conversations, of each at most so many, in the order of wants and then of seq. It ends
	// early when the stanzas have that many bytes.
	load(ctx context.Context, component string, wants []Want, each, bytes int) (rows []loadedRow, ended bool, err error)
	expired(ctx context.Context, component string, now int64, limit int) ([]deliveryRow, error)
	list(ctx context.Context, f Filter, after int64, limit int) ([]deliveryRow, error) // without stanzas
	stanza(ctx context.Context, seq int64) ([]byte, error)                             // ErrNotFound
	attempts(ctx context.Context, seq int64) ([]Attempt, error)

	outgoing(ctx context.Context, id string) (outboxRow, error) // ErrNotFound
	outbox(ctx context.Context, component string, state OutboxState, after int64, limit int) ([]outboxRow, error)
	key(ctx context.Context, scope, key string) (row keyRow, found bool, err error)

	events(ctx context.Context, component string, after int64, limit int) ([]eventRow, error)
	// eventsSince returns the seq after which the first event of that time or later comes.
	eventsSince(ctx context.Context, component string, at int64) (after int64, err error)
	eventsDropped(ctx context.Context, component string) (upTo int64, err error)
	consumers(ctx context.Context, component string) ([]consumerRow, error)

	tokens(ctx context.Context, f TokenFilter, after int64, limit int) ([]tokenRow, error)

	close() error
}

// changes are what a transaction may do.
type changes interface {
	start() (number int64, err error) // counts that the journal was opened
	// clock returns what setClock noted last, zero if it never did.
	clock() (seen, steady int64, err error)
	setClock(seen, steady int64) error
	probe(now int64) error // changes the file in a way that nobody notices
	totals() (totals, error)
	used() (int64, error) // bytes of the file that are in use

	add(deliveryRow) error
	attempt(seq int64, a Attempt, how record) error // nothing if there is no such delivery
	remove(seq int64) error
	bury(seq, now int64, reason string) error
	notBefore(c Conversation, at int64) error
	// dueBy makes conversations due at a time that would be later, at most limit.
	dueBy(at int64, limit int) (int, error)

	// match returns deliveries in the order of seq, without their stanzas.
	match(f Filter, after int64, limit int) ([]deliveryRow, error)
	replay(seq, newSeq, expires int64) error
	retry(seq, now int64) error
	// pruneDead removes dead letters that died before a time, at most limit, oldest first.
	pruneDead(before int64, limit int) (int, error)
	// dropDead removes dead letters, oldest first, until no more than that many bytes
	// are in use; about limit at most.
	dropDead(most int64, limit int) (n int, used int64, err error)

	enqueue(outboxRow) error
	mark(id string, state OutboxState, text string, now int64) error
	expireOutbox(now int64) (int, error)
	pruneOutbox(before int64, limit int) (int, error)

	beginKey(scope, key string, fingerprint []byte, expires int64) error
	finishKey(scope, key string, row keyRow) error
	deleteKey(scope, key string) error
	pruneKeys(now int64, limit int) (int, error)

	record(eventRow) error
	// trimEvents drops events of before a time, and those that are more than most; at most limit.
	trimEvents(component string, before, most int64, limit int) (int, error)
	putConsumer(consumerRow) error
	dropConsumer(component, owner, name string) error

	addToken(tokenRow) error
	revokeToken(id string, now int64) (found bool, err error)
	usedToken(id string, at int64) error
	// pruneTokens removes tokens that were revoked or have expired before a time; at most limit.
	pruneTokens(before int64, limit int) (int, error)
}

// totals are kept by the database, in the transactions that change them.
type totals struct {
	waiting, waitingBytes int64
	dead, deadBytes       int64
	queued                int64
}

// deliveryRow is a delivery as it is stored.
type deliveryRow struct {
	seq          int64
	id           string
	conversation Conversation
	kind         string
	received     int64
	expires      int64 // 0: never
	attempts     int64
	lastAt       int64
	lastStatus   int64
	lastError    string
	died         int64 // 0: it waits
	reason       string
	notBefore    int64 // of the conversation
	size         int64
	stanza       []byte // nil where only the rest was asked for
}

// loadedRow is a delivery that was wanted.
type loadedRow struct {
	deliveryRow
	want int // which of the wants it belongs to
}

// outboxRow is a row of the outbox as it is stored.
type outboxRow struct {
	seq        int64
	id         string
	component  string
	credential string
	state      OutboxState
	text       string
	created    int64
	expires    int64
	updated    int64
	stanza     []byte
}

// keyRow is an idempotency key as it is stored.
type keyRow struct {
	fingerprint []byte
	expires     int64
	status      int64 // 0: no answer yet
	header      []byte
	body        []byte
}

// eventRow is an event as it is stored.
type eventRow struct {
	seq       int64
	component string
	at        int64
	direction Direction
	state     string
	stanza    []byte
}

// consumerRow is a consumer as it is stored.
type consumerRow struct {
	component string
	owner     string
	name      string
	filter    string
	cursor    int64
	done      string
	used      int64
}

// tokenRow is a token as it is stored.
type tokenRow struct {
	seq                              int64
	id                               string
	hash                             []byte
	name                             string
	component, identity              string
	rights, targets, kinds, networks string // JSON arrays; empty: none
	rate                             string
	burst                            int64
	inQuery                          bool
	created, expires                 int64
	lastUsed, revoked                int64
}
