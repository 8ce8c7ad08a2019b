package door

import actorbridgev1 "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"

// A RefusalCounter is an [Acceptor] that counts the connections that its listeners refuse before they are links;
// *actorbridge.Node is one.
type RefusalCounter interface {
	CountRefusal(actorbridgev1.RefusalReason)
}

// A RefusedError is what Dial returns, or wraps, where one side would not have the connection. The node counts it.
type RefusedError struct {
	Reason actorbridgev1.RefusalReason
	Err    error
}

// Error is the text of Err, which says what to do.
func (e *RefusedError) Error() string { return e.Err.Error() }

// Unwrap gives Err.
func (e *RefusedError) Unwrap() error { return e.Err }
