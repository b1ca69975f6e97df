package gxdiff

import _ "embed"

// Requirements are the packages of the Great Expectations that is compared with.
//
//go:embed requirements.txt
var Requirements string
