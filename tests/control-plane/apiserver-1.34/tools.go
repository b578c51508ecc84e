//go:build tools

// Package apiserver names the command that the scenarios build, so that go.mod lists what it needs.
package apiserver

import _ "k8s.io/kubernetes/cmd/kube-apiserver"
