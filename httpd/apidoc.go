package httpd

import (
	"log/slog"
	"net/http"
	"strings"

	"github.com/restanza/restanza/apidoc"
)

// apiDoc answers requests for the description of the API and for the page that shows
// it. Neither needs credentials: all of it is public.
func (s *Server) apiDoc(w http.ResponseWriter, r *http.Request) int {
	path := "/" + strings.TrimLeft(r.URL.Path, "/")
	wanting := path+"/" == apidoc.PagePath
	file := apidoc.Find(path)
	if file == nil && !wanting {
		return s.notFound(w, r)
	}
	if p := allowOnly(r, http.MethodGet, http.MethodHead); p != nil {
		return s.refuse(w, r, p)
	}
	if wanting {
		return redirect(w, strings.TrimPrefix(apidoc.PagePath, "/"))
	}
	status, err := file.Serve(w, r)
	if err != nil {
		s.log.Debug("http answer not written", slog.Any("error", err))
	}
	return status
}

// redirect sends a caller on to a path that is relative to the one he asked for, so that
// it holds behind a proxy, too.
func redirect(w http.ResponseWriter, location string) int {
	w.Header()["Location"] = []string{location}
	w.WriteHeader(http.StatusPermanentRedirect)
	return http.StatusPermanentRedirect
}
