package clients

// An Invalid error says what is wrong with a registration, not with the
// registry: each line names a field, its value and what to do.
type Invalid struct{ Err error }

func (e *Invalid) Error() string { return e.Err.Error() }
func (e *Invalid) Unwrap() error { return e.Err }

// invalid marks err, which may be nil.
func invalid(err error) error {
	if err == nil {
		return nil
	}
	return &Invalid{err}
}
