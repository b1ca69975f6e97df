// Package composetest checks docker-compose.yml and .env.example, without
// Docker. It is a module of its own, so that the programs' module doesn't carry
// the loader of Compose files.
package composetest
