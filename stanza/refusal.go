package stanza

// Refusal says that what a caller sent can't be taken, or that what he asked
// for can't be done. Its text is written for that caller and may be shown to
// him; it never holds what another party sent in confidence.
type Refusal struct {
	Reason Reason
	Text   string
	Place  Place
	Err    error // what is behind it, for errors.Is and errors.AsType; may be nil
}

// Place is where in a caller's document something is wrong. The zero value says
// nothing. Texts name the place as well; this is for programs.
type Place struct {
	Pointer string // the member of a JSON document, as RFC 6901 writes it: "/body"; empty in other documents
	Line    int    // from 1; 0: no line of a document
	Column  int    // from 1, in characters
}

// Error returns the text for the caller.
func (r *Refusal) Error() string { return r.Text }

// Unwrap returns the error behind the refusal.
func (r *Refusal) Unwrap() error { return r.Err }

// Reason says why something is refused. The set is closed; each door to the
// gateway (HTTP today) has one table from reasons to its own answers.
type Reason string

// The reasons of this package: what is wrong with a stanza as it was sent.
const (
	NotWellFormed         Reason = "not-well-formed"         // no XML that a server would take
	TooLarge              Reason = "too-large"               // over the size limit
	InvalidNamespace      Reason = "invalid-namespace"       // the root is in a foreign namespace
	UnsupportedStanzaType Reason = "unsupported-stanza-type" // the root is no message, presence or iq
	ImproperAddressing    Reason = "improper-addressing"     // to is missing or malformed
	InvalidFrom           Reason = "invalid-from"            // from is malformed
)

// The reasons of the gateway: why a sound stanza is not sent, or not answered.
const (
	ForeignSender      Reason = "foreign-sender"       // the credential may not speak as from
	InvalidIQType      Reason = "invalid-iq-type"      // an iq that is neither get nor set
	InvalidIQPayload   Reason = "invalid-iq-payload"   // an iq without exactly one child element
	IDConflict         Reason = "id-conflict"          // a query with that id is outstanding at that address
	AnswerTimeout      Reason = "answer-timeout"       // nobody answered in time
	LinkUnavailable    Reason = "link-unavailable"     // no link, not confirmed, or shutting down
	TooManyOutstanding Reason = "too-many-outstanding" // no room for another query
	CallerTooSlow      Reason = "caller-too-slow"      // what came for him would have to be kept beyond measure
	Poisonous          Reason = "poisonous"            // the XMPP server ended the stream because of it
	NotAsked           Reason = "not-asked"            // it answers an iq that waits for no answer
	NotKept            Reason = "not-kept"             // it would have to be kept on disk, and there is no room, or the disk does not take it
)

// Reasons returns the closed set.
func Reasons() []Reason {
	return []Reason{
		NotWellFormed, TooLarge, InvalidNamespace, UnsupportedStanzaType, ImproperAddressing, InvalidFrom,
		ForeignSender, InvalidIQType, InvalidIQPayload, IDConflict, AnswerTimeout, LinkUnavailable, TooManyOutstanding,
		CallerTooSlow, Poisonous, NotAsked, NotKept,
	}
}
