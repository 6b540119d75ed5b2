// Package apidoc has the description of the HTTP API, in OpenAPI 3.1, and a page on
// which people read it and try it out.
//
// openapi.yaml is written by hand, except for the schemas of the stanzas, which
// `go test ./apidoc -update` makes of jsonmap's table; so is openapi.json, which is
// the same document. Tests hold the document to the program: each of its examples
// is driven through a running gateway.
//
// [Find] returns the [File] at a path. The page is Swagger UI
// (scripts/vendor-apidoc), started by the few files in page; it loads nothing from
// anywhere else, and its Content-Security-Policy forbids it to.
package apidoc
