// Package doctor tries, step by step, whether a Restanza could work with its
// configuration, and says in plain words what is wrong and what to try.
//
// [Run] goes through the steps of [Names]: first those that concern the whole
// gateway, then those of each component. Each gives one [Step] of the [Report]. A
// step that can't be tried, because an earlier one failed or because there is
// nothing to try, is skipped and says why. [Misconfigured] is the report on a
// configuration that can't be read.
//
// Invariants:
//
//   - A step ends within its time limit, and all end at once with Run's context.
//   - No text of a report holds a secret, or anything of a callback's URL but
//     scheme and host. Texts are bounded and free of control characters, whoever
//     they come from.
//   - A running gateway is left alone: if one holds the HTTP listener and says that
//     a component's link is up, no second connection is made for that component,
//     unless it is forced. ejabberd would let it in and share the stanzas out among
//     both, Prosody would refuse it.
//
// The package prints nothing and changes nothing. For a moment it listens on the
// configured address to see whether that is free, makes a file in the journal's
// folder, and opens the journal.
package doctor
