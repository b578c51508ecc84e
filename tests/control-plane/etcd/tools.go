//go:build tools

// Package etcd names the command that the scenarios build, so that go.mod lists what it needs.
package etcd

import _ "go.etcd.io/etcd/server/v3"
