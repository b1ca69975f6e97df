// Follows what happens: see events.go.
