// Package journal keeps on disk what must outlive the process: stanzas that no
// callback has accepted, with the attempts made; stanzas accepted while the link
// was down; idempotency keys with their answers; events; and tokens.
//
// A [Journal] is one SQLite file, open in one process. [Open] makes or opens it,
// [Journal.Close] writes what is left.
//
// # Deliveries
//
// [Journal.Add] takes a stanza for a callback and returns an [Entry] at once. The
// entry waits in memory for company, so long that it is on disk after
// Options.Linger, and is then written with the others in one transaction, but for
// those that came just now: nobody waits for a commit alone. An entry that is settled before costs no disk at all;
// that is the usual case, about 0.3 µs. What SIGKILL can lose is therefore what
// came within the last Linger; if a commit takes longer, what came within the last
// two of them. Who must know, because he has something to acknowledge, waits for
// [Entry.Written].
//
// An entry ends by [Entry.Settle] (accepted) or [Entry.Bury] (a dead letter); until
// then [Entry.Attempted] notes what was tried. All of them return at once and are on
// disk soon after. If the process dies before that, the entry is as it was: an
// attempt may be repeated, never skipped.
//
// A [Conversation] is what goes between two bare addresses at one component. The
// journal knows when its next attempt may be ([Journal.Due], [Journal.NextDue],
// [Journal.SetNotBefore]) and gives out its deliveries in order, a few at a time
// ([Journal.Load]): a backlog of any size is neither read at the start nor kept in
// memory. Whoever delivers a conversation owns it; the journal does not lock it.
//
// Dead letters, and what waits, can be listed, shown, dropped, retried and
// replayed ([Journal.List], [Filter]). Each attempt is recorded, with the answers to the
// first one and to the last four.
//
// # Size
//
// Options.MaxBytes bounds the pages of the file that are in use, by whatever is in them;
// beside it there is SQLite's log, of 32 MiB as a rule. Near that (at 15 sixteenths) the
// oldest dead letters are dropped; the log and a metric say how many. What waits is never
// dropped by the journal. When only that is left, the journal is full: Add, Enqueue and
// Begin with a new key refuse with [ErrFull], until an eighth of MaxBytes is free. The
// log has one line when that begins and one when it ends; [Journal.State] tells in
// between. What is there goes on: settling, burying, attempts, answers to keys, for all of
// which the last sixteenth is.
//
// From half of MaxBytes on, answers to attempts are not recorded any more; near the end a
// new attempt is recorded only in the place of an older one, but the first.
//
// Dead letters are also dropped when they are older than Options.DeadAge.
//
// # Tokens
//
// Credentials that were made while the gateway ran are kept by the SHA-256 of their texts
// ([Journal.AddToken], [Journal.Tokens], [Journal.RevokeToken]). What they are good for is text for
// others to read. One that was revoked or has expired is remembered for thirty days.
//
// # Invariants
//
//   - Entries reach the disk in the order of their numbers (Seq), which is that of
//     the calls of Add, over all restarts. Nothing is on disk that has an earlier
//     entry, unsettled, in memory only.
//   - An ID is never used for two stanzas, not even for those that were never
//     written, and is the same over attempts, restarts and replays.
//   - Load and Expired never return what was settled or buried before the call,
//     whether its removal is on disk or not.
//   - What a method with a context has done when it returns without an error is on
//     disk, synced. When it returns the end of its context, it may be or not.
//   - Memory for what is not yet written is bounded by Options.MaxHeld: beyond it
//     Add refuses.
//   - One transaction makes at most 1024 changes, and drops as many dead letters, so that
//     none takes long.
//
// # When the disk fails
//
// If a commit fails (disk full, locked by another program, damaged), entries stay in
// memory, and it is tried again after 100 ms and then less often, every two seconds
// at least, until it works; requests that wait for the disk (Enqueue, Begin, Drop …)
// are refused with [ErrUnwritable]. The log has one line when that begins and one
// when it ends; [Journal.State] tells in between. Settling goes on, so a callback
// that works does not notice. Reading goes on too.
//
// A file that is damaged is not opened and not touched; the error says what to do. A
// file up to 8 MiB is checked page by page when it is opened, a larger one only for
// its length, because a start must not take long.
//
// # The clock
//
// Times are stored as absolute times in milliseconds. A clock that jumps changes
// when things happen, and loses nothing:
//
//   - Ahead or back: what has a not-before time is tried early, after a minute or two.
//   - After a jump nothing is over ([Journal.Over]), and nothing is removed for its age, until
//     the clock has gone steadily for an hour. Then what should have expired does.
//
// A jump is a difference of more than a minute to the monotonic clock; between two
// processes, any step back of more than a minute, and one ahead of more than three days.
// The log says so. For how long the clock has gone steadily is written down, so that
// restarts don't begin that hour anew. Order does not depend on the clock.
//
// # What it does not do
//
// It makes no attempts, decides on no retries, sends no errors and drops nothing
// that waits. It does not make the file smaller: room that becomes free is used
// again. The SQL is all in here, behind an interface (store) for which another
// database can stand.
package journal
