package pages

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNumbersAreReadable(t *testing.T) {
	for f, want := range map[float64]string{0: "0%", 0.5: "50%", 0.05: "5%", 0.0225: "2.25%", 0.123: "12.3%", 0.001: "0.1%", 0.00004: "0.004%", 1: "100%"} {
		require.Equal(t, want, share(f))
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1234567: "-1,234,567", 50000: "50,000"} {
		require.Equal(t, want, count(n))
	}
	for d, want := range map[time.Duration]string{0: "0 ms", 999 * time.Millisecond: "999 ms", 2 * time.Second: "2.0 s", 4 * time.Hour: "4 h", 72 * time.Hour: "3 days", 90 * time.Second: "1 min 30 s", time.Hour: "60 min 0 s"} {
		require.Equal(t, want, duration(d))
	}
	for d, want := range map[time.Duration]string{0: "now", 90 * time.Second: "90 s ago", 3 * time.Hour: "3 h ago", 72 * time.Hour: "3 days ago", -10 * time.Minute: "in 10 min"} {
		require.Equal(t, want, ago(d))
	}
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 14_000_000: "14.0 MB"} {
		require.Equal(t, want, byteCount(n))
	}
}
