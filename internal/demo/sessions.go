package demo

import (
	"crypto/rand"
	"net/http"
	"sync"
	"time"
)

const (
	sessionCookie = "demo_session"
	sessionAge    = 12 * time.Hour
	attemptAge    = 10 * time.Minute
	// Whoever loops over /login shall not fill the memory.
	maxSessions = 1000
	maxAttempts = 20
)

// A session is one browser at the demo application, kept in memory: after a
// restart people sign in again, which is what they came for.
type session struct {
	id   string
	made time.Time

	mu       sync.Mutex
	attempts map[string]attempt // by the OAuth state
	user     *user              // nil: nobody is signed in
}

// An attempt is a sign-in that has left for the provider.
type attempt struct {
	nonce    string // of the ID token
	verifier string // of PKCE
	began    time.Time
}

type sessions struct {
	now func() time.Time

	mu   sync.Mutex
	byID map[string]*session
}

// find returns the browser's session, or nil.
func (s *sessions) find(r *http.Request) *session {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.byID[cookie.Value]
	if found == nil || s.now().Sub(found.made) > sessionAge {
		return nil
	}
	return found
}

// begin returns the browser's session, a new one if it has none.
func (s *sessions) begin(w http.ResponseWriter, r *http.Request) *session {
	if found := s.find(r); found != nil {
		return found
	}
	return s.start(w, nil)
}

// signIn gives the browser a new session for user, so that an id that was known
// before the sign-in is worth nothing after it.
func (s *sessions) signIn(w http.ResponseWriter, old *session, who *user) {
	s.mu.Lock()
	delete(s.byID, old.id)
	s.mu.Unlock()
	s.start(w, who)
}

func (s *sessions) start(w http.ResponseWriter, who *user) *session {
	made := &session{id: rand.Text(), made: s.now(), attempts: map[string]attempt{}, user: who}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID == nil {
		s.byID = map[string]*session{}
	}
	s.byID[made.id] = made
	s.trim()
	setCookie(w, made.id, sessionAge)
	return made
}

// trim drops what is over, and the oldest session while there are too many. s.mu is held.
func (s *sessions) trim() {
	var oldest *session
	for id, one := range s.byID {
		if s.now().Sub(one.made) > sessionAge {
			delete(s.byID, id)
		} else if oldest == nil || one.made.Before(oldest.made) {
			oldest = one
		}
	}
	if len(s.byID) > maxSessions {
		delete(s.byID, oldest.id)
	}
}

func (s *sessions) end(w http.ResponseWriter, r *http.Request) {
	if found := s.find(r); found != nil {
		s.mu.Lock()
		delete(s.byID, found.id)
		s.mu.Unlock()
	}
	setCookie(w, "", -time.Second)
}

func setCookie(w http.ResponseWriter, value string, age time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Value: value, Path: "/", MaxAge: int(age / time.Second),
		HttpOnly: true, SameSite: http.SameSiteLaxMode, // the provider's redirect must carry it
	})
}

// leave remembers an attempt.
func (s *session) leave(state string, a attempt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for old, other := range s.attempts {
		if len(s.attempts) >= maxAttempts || a.began.Sub(other.began) > attemptAge {
			delete(s.attempts, old)
		}
	}
	s.attempts[state] = a
}

// comeBack takes the attempt with this state, once.
func (s *session) comeBack(state string, now time.Time) (attempt, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.attempts[state]
	delete(s.attempts, state)
	return a, ok && now.Sub(a.began) <= attemptAge
}
