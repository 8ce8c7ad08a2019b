package door

// An Identity is what a verified certificate lets its owner be: the URIs ab://NODE, ab:///PATTERN and ab-tenant:NAME among its
// subject alternative names.
type Identity struct {
	// Nodes are the names that its node may have.
	Nodes []string
	// Sources are patterns of the logical addresses that it may send as; none = all.
	Sources []string
	// Tenants are those that its messages may be of; none = of no tenant.
	Tenants []string
}

// An Identified is a Link whose transport has verified who the peer is. The node holds the peer's name, and the sources of its
// messages, to that.
type Identified interface {
	Link
	// Identity is the peer's; nil where it showed none.
	Identity() *Identity
}
