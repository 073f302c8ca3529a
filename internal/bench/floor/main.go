// Command floor is the least that a login can cost: a provider written by hand
// for one client, which "make bench" drives in alternation with ours.
//
// It has the same endpoints, HTTP library, database driver and algorithms, and checks what makes
// a sign-in safe: the browser that began it, the signature over this nonce, each nonce and each code once,
// PKCE, the redirect URI, the client's secret, each generation of a refresh token once; and,
// given -rpc, that the key is a full-access key of the account. Everything is in as few durable statements as
// that takes: three for a login, one for a refresh, none for userinfo.
//
// It has no pages, consent, sessions that end, access policies, rotating
// keys, revocation by reuse, audit, log, metrics, rate limits or time limits, and
// words no error. It is for measurements and for nothing else.
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"syscall"

	"github.com/jackc/pgx/v5/pgxpool"
)

const schema = `
	CREATE TABLE logins (
		id           bytea PRIMARY KEY,
		client_id    text NOT NULL,
		redirect_uri text NOT NULL,
		scope        text NOT NULL,
		state        text NOT NULL,
		nonce        text NOT NULL,
		challenge    bytea NOT NULL,
		expires_at   timestamptz NOT NULL,
		account      text,
		sid          bytea,
		consumed_at  timestamptz,
		redeemed_at  timestamptz
	) WITH (fillfactor = 60);
	CREATE TABLE sessions (
		sid        bytea PRIMARY KEY,
		account    text NOT NULL,
		auth_time  timestamptz NOT NULL,
		expires_at timestamptz NOT NULL
	);
	CREATE TABLE grants (
		id         bytea PRIMARY KEY,
		client_id  text NOT NULL,
		account    text NOT NULL,
		sid        bytea,
		scope      text NOT NULL,
		auth_time  timestamptz NOT NULL,
		generation int NOT NULL DEFAULT 0,
		expires_at timestamptz NOT NULL
	) WITH (fillfactor = 70);`

// A server answers for one issuer and one client.
type server struct {
	issuer, recipient  string
	client, redirect   string
	secret             [32]byte // SHA-256 of the client's
	db                 *pgxpool.Pool
	key                *ecdsa.PrivateKey
	mac                []byte // of ids that were given out: codes, nonces, cookies and refresh tokens
	chain              *chain // nil: whoever signs is believed to own the account
	discovery, jwksDoc []byte
}

func main() {
	var s server
	listen := flag.String("listen", "127.0.0.1:0", "`ADDRESS`")
	dsn := flag.String("dsn", "", "an empty database")
	rpc := flag.String("rpc", "", "`URL` of the chain; none: keys are not looked up")
	secret := flag.String("secret", "", "of the client")
	flag.StringVar(&s.issuer, "issuer", "", "`URL`")
	flag.StringVar(&s.client, "client", "", "`ID` of the client")
	flag.StringVar(&s.redirect, "redirect", "", "`URI` of the client")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s.secret = sha256.Sum256([]byte(*secret))
	if err := s.run(ctx, *listen, *dsn, *rpc); err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

func (s *server) run(ctx context.Context, listen, dsn, rpc string) error {
	issuer, err := url.Parse(s.issuer)
	if err != nil {
		return err
	}
	s.recipient = issuer.Hostname()
	if rpc != "" {
		s.chain = newChain(rpc)
	}
	s.mac = make([]byte, 32)
	rand.Read(s.mac)
	if s.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return err
	}
	if err := s.documents(); err != nil {
		return err
	}
	if s.db, err = pgxpool.New(ctx, dsn+" pool_max_conns=20"); err != nil {
		return err
	}
	defer s.db.Close()
	if _, err := s.db.Exec(ctx, schema); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: s.routes()}
	context.AfterFunc(ctx, func() { server.Close() })
	if err := server.Serve(listener); err != http.ErrServerClosed {
		return err
	}
	return nil
}

func (s *server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /authorize", s.authorize)
	mux.HandleFunc("GET /login/{id}", s.challenge)
	mux.HandleFunc("POST /login/{id}/verify", s.verify)
	mux.HandleFunc("POST /token", s.token)
	mux.HandleFunc("POST /introspect", s.introspect)
	mux.HandleFunc("GET /userinfo", s.userinfo)
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) { answer(w, s.discovery) })
	mux.HandleFunc("GET /jwks", func(w http.ResponseWriter, _ *http.Request) { answer(w, s.jwksDoc) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { answer(w, []byte("{}")) })
	return mux
}

// sum is the MAC of an id for one purpose.
func (s *server) sum(purpose string, id []byte) []byte {
	h := hmac.New(sha256.New, s.mac)
	h.Write([]byte(purpose))
	h.Write(id)
	return h.Sum(nil)
}

// seal makes a token of an id, which is believed when open finds the MAC right.
func (s *server) seal(purpose string, id []byte) string {
	return encode(append(id[:len(id):len(id)], s.sum(purpose, id)...))
}

func (s *server) open(purpose, token string, size int) ([]byte, bool) {
	b, err := decode(token)
	if err != nil || len(b) != size+sha256.Size || !hmac.Equal(b[size:], s.sum(purpose, b[:size])) {
		return nil, false
	}
	return b[:size], true
}

// authenticated checks the client of a request by HTTP Basic.
func (s *server) authenticated(r *http.Request) bool {
	id, secret, _ := r.BasicAuth()
	hash := sha256.Sum256([]byte(secret))
	return id == s.client && subtle.ConstantTimeCompare(hash[:], s.secret[:]) == 1
}

func answer(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Write(body)
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":%q}`, code)
}
