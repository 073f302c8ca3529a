// Package idp is the vocabulary of the provider: the nouns that its packages
// hand to one another, and the errors that they branch on. It imports nothing
// but the standard library and contains no behaviour beyond small pure rules.
package idp

import "errors"

// The conditions that callers branch on. Each may be wrapped.
var (
	// ErrNotFound reports that no such row exists, or that the caller may not know of it.
	ErrNotFound = errors.New("not found")
	// ErrExpired reports that the row exists but its time has passed.
	ErrExpired = errors.New("expired")
	// ErrUsed reports that a single-use row was consumed before.
	ErrUsed = errors.New("already used")
	// ErrConflict reports that the row exists and differs.
	ErrConflict = errors.New("conflict")
	// ErrStale is the ErrConflict of a row that was changed or deleted since it was read.
	ErrStale = error(&conflict{})
	// ErrManagedByConfig is the ErrConflict of a row that only the configuration may change.
	ErrManagedByConfig = error(&conflict{})
	// ErrDenied reports that the operator does not let this account in.
	ErrDenied = errors.New("access denied")
	// ErrUnconfigured reports that what a client refers to is not in the configuration, any more or yet.
	ErrUnconfigured = errors.New("not in the configuration")
	// ErrUnavailable reports that the database did not answer. Nothing was
	// half done: every change is one statement.
	ErrUnavailable = errors.New("database unavailable")
)

// A conflict is an ErrConflict that some callers tell from others.
type conflict struct{ _ byte } // not empty, so that each has an address of its own

func (*conflict) Error() string        { return ErrConflict.Error() }
func (*conflict) Is(target error) bool { return target == ErrConflict }

// Secret is a string that never prints itself: not through fmt, not through
// slog and not through JSON or YAML. Convert it to string to use it.
type Secret string

const redacted = "[redacted]"

func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// GoString keeps %#v from printing the secret.
func (s Secret) GoString() string { return s.String() }

// MarshalText keeps encoders from printing the secret.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
