package actorbridge

import "strings"

// allPaths is the pattern that every path matches.
const allPaths = "*"

// Factory registers what an incoming spawn or move of a matching path makes. A pattern is one path, such as "pricer", at
// which the node also spawns an actor at its start (see [OnDemand]); "orders/*" for every path below orders/, at any depth;
// or "*" for every path. Of several that match, the one that was registered first counts.
func Factory(pattern string, make func() Receiver, options ...SpawnOption) Option {
	atStart := !strings.HasSuffix(pattern, allPaths)
	return withFactory(registered{pattern: pattern, make: make, options: options, atStart: atStart})
}

// OnDemand is [Factory], but makes nothing at the start: an actor that lives elsewhere can move here, to its own path.
func OnDemand(pattern string, make func() Receiver, options ...SpawnOption) Option {
	return withFactory(registered{pattern: pattern, make: make, options: options})
}

// withFactory adds what a node may make.
func withFactory(r registered) Option {
	return func(o *startOptions) { o.factories = append(o.factories, r) }
}

// registered is what incoming spawns and moves of a path may make.
type registered struct {
	pattern string
	make    func() Receiver
	options []SpawnOption
	atStart bool
}

func (r *registered) matches(path string) bool {
	return matches(r.pattern, path)
}

// check fails for a pattern that no path matches, or none that an actor can have.
func (r *registered) check() error {
	if r.pattern == allPaths {
		return nil
	}
	path := strings.TrimSuffix(r.pattern, "/"+allPaths)
	if isReserved(path) {
		return newError(CodeForbidden, r.pattern, "paths below /system are reserved")
	}
	if _, err := logicalRef(path); err != nil {
		return newError(CodeInvalidArgument, r.pattern,
			`no path matches this pattern: it is a path, or ends with "/*" for all paths below it, or is "*" for all`)
	}
	return nil
}
