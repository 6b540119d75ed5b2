package apidoc

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"
)

// The parts of the page. What is large is compressed already.
//
//go:embed openapi.yaml openapi.json page swagger-ui
var embedded embed.FS

// PagePath is where the page is.
const PagePath = "/docs/"

// File is something that is served: the document in one of its forms, or a part of
// the page. It may be used concurrently.
type File struct {
	contentType []string
	etag        []string
	plain       []byte // nil if it is kept compressed
	zipped      []byte // gzip
}

// files has every File by its path. It is made when it is first asked for: most
// commands of the program never do.
var files = sync.OnceValue(func() map[string]*File {
	all := map[string]*File{
		"/openapi.yaml": read("openapi.yaml"),
		"/openapi.json": read("openapi.json"),
	}
	for _, folder := range []string{"page", "swagger-ui"} {
		entries, err := fs.ReadDir(embedded, folder)
		if err != nil {
			panic("apidoc: " + err.Error()) // it is embedded
		}
		for _, e := range entries {
			name := strings.TrimSuffix(e.Name(), ".gz")
			all[PagePath+strings.TrimSuffix(name, "index.html")] = read(folder + "/" + e.Name())
		}
	}
	return all
})

// Find returns what is served at a path, nil if that is nothing of this package.
func Find(path string) *File { return files()[path] }

// Paths returns the paths of all Files, in no order.
func Paths() []string {
	var paths []string
	for p := range files() {
		paths = append(paths, p)
	}
	return paths
}

// read makes a File of an embedded one. Documents are compressed here, once.
func read(name string) *File {
	content, err := embedded.ReadFile(name)
	if err != nil {
		panic("apidoc: " + err.Error()) // it is embedded
	}
	base, compressed := strings.CutSuffix(name, ".gz")
	f := &File{contentType: []string{contentTypeOf(base)}}
	switch {
	case compressed:
		f.zipped = content
	default:
		f.plain, f.zipped = content, compress(content)
	}
	sum := sha256.Sum256(content)
	f.etag = []string{`W/"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`} // weak: the same for both codings
	return f
}

// contentTypeOf returns the media type of a file; names without a known ending are
// licences.
func contentTypeOf(name string) string {
	switch path.Ext(name) {
	case ".yaml":
		return "application/yaml" // RFC 9512
	case ".json":
		return "application/json"
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return "text/plain; charset=utf-8"
}

func compress(content []byte) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(content)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(fmt.Sprintf("apidoc: compressing into memory: %v", err)) // a bytes.Buffer takes anything
	}
	return b.Bytes()
}
