//go:build !v2

package main

import versionsv1 "github.com/actorbridge/actorbridge/compat-tests/versions/go/v1"

// schema is the file of the version that this program is built with.
var schema = versionsv1.File_versions_v1_desk_proto
