package door

// A SetupError is what Dial returns, or wraps, where the door as it is set up can make no link, whoever is at the other end: its
// address is not one, or a program is not there. The node's error is INVALID_ARGUMENT then, and not UNAVAILABLE: to dial again
// is of no use.
type SetupError struct{ Err error }

// Error is the text of Err, which says what to do.
func (e *SetupError) Error() string { return e.Err.Error() }

// Unwrap gives Err.
func (e *SetupError) Unwrap() error { return e.Err }
