//go:build !js

package web

import (
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
)

// policy allows what the page is made of and nothing else: no inline script or
// style, no other host, no frame around it.
const policy = Policy + "; frame-ancestors 'none'"

// Policy is the part of it that a page can have in itself.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; " +
	"img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'"

// tokenCookie carries the token after the first visit.
const tokenCookie = "icar-token"

// guard refuses requests that do not come from the page: a Host that is a
// foreign name (DNS rebinding), an Origin other than the Host, a missing token.
type guard struct {
	next  http.Handler
	token string // "" on the loopback interface
	name  string // of --address, by which the printed URL calls this server
}

func (g guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	if err := g.check(r); err != nil {
		answerError(httpExchange{w: w, r: r}, err)
		return
	}
	if g.token == "" {
		g.next.ServeHTTP(w, r)
		return
	}
	if given := r.URL.Query().Get("token"); r.URL.Path == "/" && g.is(given) {
		http.SetCookie(w, &http.Cookie{Name: tokenCookie, Value: given, Path: "/", HttpOnly: true,
			SameSite: http.SameSiteStrictMode})
		left := r.URL.Query()
		left.Del("token") // out of the address bar and the history
		http.Redirect(w, r, (&url.URL{Path: "/", RawQuery: left.Encode()}).String(),
			http.StatusSeeOther)
		return
	}
	if !g.authorised(r) {
		answerError(httpExchange{w: w, r: r}, refuse(http.StatusUnauthorized,
			"this server wants a token: open the address that icar serve printed"))
		return
	}
	g.next.ServeHTTP(w, r)
}

func (g guard) check(r *http.Request) error {
	if !g.knows(r.Host) {
		return refuse(http.StatusForbidden, "Host %.80q is not this server: open the address that "+
			"icar serve printed", r.Host)
	}
	if origin := r.Header.Get("Origin"); origin != "" && origin != "http://"+r.Host {
		return refuse(http.StatusForbidden, "Origin %.80q is another page's: open the address that "+
			"icar serve printed", origin)
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" && r.URL.Path != "/" {
		return refuse(http.StatusForbidden, "the request comes from another site's page")
	}
	return nil
}

// knows reports whether a Host names this server. A DNS name can be made to
// point anywhere, an address cannot; with a token the machine's own name is
// allowed too, and so is the one that it was told to listen on.
func (g guard) knows(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	if strings.EqualFold(name, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(name)
	if g.token == "" {
		return err == nil && address.IsLoopback()
	}
	own, _ := os.Hostname() // "" matches no Host that is allowed
	return err == nil || own != "" && strings.EqualFold(name, own) ||
		g.name != "" && strings.EqualFold(name, g.name)
}

func (g guard) authorised(r *http.Request) bool {
	if bearer, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); found {
		return g.is(bearer)
	}
	cookie, err := r.Cookie(tokenCookie)
	return err == nil && g.is(cookie.Value)
}

func (g guard) is(token string) bool {
	return subtle.ConstantTimeCompare([]byte(token), []byte(g.token)) == 1
}

// loopback reports whether an address to listen on can be reached from this
// machine only.
func loopback(address string) (bool, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false, fmt.Errorf("address %q: give HOST:PORT, such as 127.0.0.1:8080", address)
	}
	if host == "localhost" {
		return true, nil
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback(), nil
}
