//go:build cloud

package iceberg

import (
	// Warehouses in object storage; links every cloud's SDK.
	_ "github.com/apache/iceberg-go/io/gocloud"
)
