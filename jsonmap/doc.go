// Package jsonmap is where the mapping between stanzas and JSON will live: one
// table of fields for both directions, as mod_rest defines them, and a generic
// form for what the table does not name, so that nothing is lost on the way.
//
// There is nothing in it yet: the gateway takes and gives XML only.
package jsonmap
