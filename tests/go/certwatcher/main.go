// certwatcher ADDRESS DIRECTORY [defaults]: a webhook server as operators in Go write them, which reads its certificate from
// files that another program writes. Admits everything and hangs up after each answer; with "defaults" it keeps every
// setting of controller-runtime: HTTP/2, and connections that stay open.
package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

func main() {
	log.SetLogger(zap.New())
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	keepsDefaults := len(os.Args) == 4 && os.Args[3] == "defaults"
	if len(os.Args) != 3 && !keepsDefaults {
		return fmt.Errorf("usage: certwatcher ADDRESS DIRECTORY [defaults]")
	}
	host, portText, err := net.SplitHostPort(os.Args[1])
	if err != nil {
		return err
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()

	options := webhook.Options{Host: host, Port: port, CertDir: os.Args[2]}
	admit := &webhook.Admission{Handler: admission.HandlerFunc(
		func(context.Context, admission.Request) admission.Response { return admission.Allowed("") },
	)}
	if keepsDefaults {
		server := webhook.NewServer(options)
		server.Register("/admit", admit)
		return server.Start(ctx)
	}
	options.TLSOpts = []func(*tls.Config){func(config *tls.Config) { config.NextProtos = []string{"http/1.1"} }}
	server := webhook.NewServer(options)
	server.Register("/admit", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		admit.ServeHTTP(w, r)
	}))
	return server.Start(ctx)
}
