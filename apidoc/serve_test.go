package apidoc_test

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza/apidoc"
)

// serve asks for a path with header fields given as "Name: value".
func serve(t *testing.T, method, path string, fields ...string) *http.Response {
	t.Helper()
	f := apidoc.Find(path)
	if f == nil {
		t.Fatalf("there is nothing at %s", path)
	}
	r := httptest.NewRequest(method, path, nil)
	for _, field := range fields {
		name, value, _ := strings.Cut(field, ": ")
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	status, err := f.Serve(w, r)
	if err != nil || status != w.Code {
		t.Errorf("%s: returned %d, %v; answered %d", path, status, err, w.Code)
	}
	return w.Result()
}

func read(t *testing.T, r io.Reader) string {
	t.Helper()
	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestFind_files(t *testing.T) {
	want := map[string]string{
		"/openapi.yaml":                          "application/yaml",
		"/openapi.json":                          "application/json",
		"/docs/":                                 "text/html; charset=utf-8",
		"/docs/start.js":                         "text/javascript; charset=utf-8",
		"/docs/page.css":                         "text/css; charset=utf-8",
		"/docs/icon.svg":                         "image/svg+xml",
		"/docs/swagger-ui-bundle.js":             "text/javascript; charset=utf-8",
		"/docs/swagger-ui.css":                   "text/css; charset=utf-8",
		"/docs/LICENSE":                          "text/plain; charset=utf-8",
		"/docs/NOTICE":                           "text/plain; charset=utf-8",
		"/docs/swagger-ui-bundle.js.LICENSE.txt": "text/plain; charset=utf-8",
	}
	got := map[string]string{}
	for _, path := range apidoc.Paths() {
		resp := serve(t, http.MethodGet, path)
		got[path] = resp.Header.Get("Content-Type")
		for name, value := range map[string]string{"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache", "Vary": "Accept-Encoding", "Referrer-Policy": "no-referrer"} {
			if resp.Header.Get(name) != value {
				t.Errorf("%s: %s is %q, want %q", path, name, resp.Header.Get(name), value)
			}
		}
		policy := resp.Header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") {
			t.Errorf("%s: Content-Security-Policy is %q", path, policy)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, path := range []string{"", "/", "/docs", "/docs/index.html", "/docs/../openapi.yaml", "/docs/swagger-ui.css.gz", "/openapi.yml"} {
		if apidoc.Find(path) != nil {
			t.Errorf("there is something at %q", path)
		}
	}
}

// A file is the same with and without compression, and HEAD says the same of it as GET.
func TestServe_codings(t *testing.T) {
	for _, path := range apidoc.Paths() {
		plain := serve(t, http.MethodGet, path)
		zipped := serve(t, http.MethodGet, path, "Accept-Encoding: br, gzip")
		if zipped.Header.Get("Content-Encoding") != "gzip" || plain.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: codings %q and %q", path, zipped.Header.Get("Content-Encoding"), plain.Header.Get("Content-Encoding"))
		}
		z, err := gzip.NewReader(zipped.Body)
		if err != nil {
			t.Fatal(err)
		}
		if read(t, z) != read(t, plain.Body) {
			t.Errorf("%s is another file when it is compressed", path)
		}
		head := serve(t, http.MethodHead, path)
		if body := read(t, head.Body); body != "" || head.Header.Get("Content-Length") != plain.Header.Get("Content-Length") {
			t.Errorf("%s by HEAD: %d bytes, length %s", path, len(body), head.Header.Get("Content-Length"))
		}
	}
	for header, want := range map[string]bool{
		"gzip": true, "GZIP": true, "gzip;q=0.5": true, "deflate, gzip": true,
		"": false, "gzip;q=0": false, "gzip; q=0.0": false, "br": false, "x-gzips": false, "gzip;q=x": false,
	} {
		if got := serve(t, http.MethodGet, "/docs/", "Accept-Encoding: "+header).Header.Get("Content-Encoding") == "gzip"; got != want {
			t.Errorf("%q: compressed %t, want %t", header, got, want)
		}
	}
}

func TestServe_notModified(t *testing.T) {
	tag := serve(t, http.MethodGet, "/docs/").Header.Get("ETag")
	other := serve(t, http.MethodGet, "/openapi.yaml").Header.Get("ETag")
	if tag == "" || tag == other {
		t.Fatalf("tags %q and %q", tag, other)
	}
	for header, want := range map[string]int{
		tag: 304, strings.TrimPrefix(tag, "W/"): 304, other + ", " + tag: 304, "*": 304,
		other: 200, "": 200,
	} {
		resp := serve(t, http.MethodGet, "/docs/", "If-None-Match: "+header)
		if resp.StatusCode != want || want == 304 && (read(t, resp.Body) != "" || resp.Header.Get("ETag") != tag) {
			t.Errorf("If-None-Match %q: %d, want %d", header, resp.StatusCode, want)
		}
	}
}

// The files of Swagger UI are those of the version that scripts/vendor-apidoc names, to
// the byte: what its package has, and no other.
func TestVendored(t *testing.T) {
	want := map[string]string{
		"swagger-ui-bundle.js": "e6a898692f2d768e807c3ba4626068a69a2c5dd960dd6c76f3e4d3a3de180af2",
		"swagger-ui.css":       "5ed08757e53da3e026d6cbecc61fe5d43585c9560b302d534ad56692519a273d",
	}
	for name, digest := range want {
		sum := sha256.Sum256([]byte(read(t, serve(t, http.MethodGet, "/docs/"+name).Body)))
		if got := hex.EncodeToString(sum[:]); got != digest {
			t.Errorf("%s: SHA-256 is %s", name, got)
		}
	}
	script, err := os.ReadFile("../scripts/vendor-apidoc")
	if err != nil {
		t.Fatal(err)
	}
	dependencies, err := os.ReadFile("../docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(script), "\n")
	i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "version=") })
	if i < 0 {
		t.Fatal("scripts/vendor-apidoc names no version")
	}
	if version := strings.TrimPrefix(lines[i], "version="); !strings.Contains(string(dependencies), "`swagger-ui-dist` "+version) {
		t.Errorf("docs/dependencies.md does not name swagger-ui-dist %s", version)
	}
}
