//go:build cloud

package files

import (
	// Each registers a URL scheme, and links its cloud's SDK: programs have them
	// only if asked to.
	_ "gocloud.dev/blob/azureblob"
	_ "gocloud.dev/blob/gcsblob"
	_ "gocloud.dev/blob/s3blob"
)
