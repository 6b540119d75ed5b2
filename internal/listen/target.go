package listen

import (
	"errors"
	"strconv"
	"strings"
)

// Target completes the address of a program on this machine: a whole URL, a host with or
// without a port, a port alone, or a path alone, the latter three perhaps with a path. What
// is missing becomes http://localhost.
func Target(text string) (string, error) {
	switch {
	case text == "" || strings.ContainsAny(text, " \t\r\n"):
		return "", errors.New("no address; write a URL, host:port, a port or a path")
	case strings.Contains(text, "://"):
		return text, nil
	case strings.HasPrefix(text, "/"):
		return "http://localhost" + text, nil
	}
	host, path := text, "/"
	if i := strings.IndexAny(text, "/?"); i >= 0 {
		host, path = text[:i], "/"+strings.TrimPrefix(text[i:], "/")
	}
	port := strings.TrimPrefix(host, ":")
	if strings.Trim(port, "0123456789") != "" {
		return "http://" + host + path, nil
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return "", errors.New("a port is a number from 1 to 65535")
	}
	return "http://localhost:" + port + path, nil
}
