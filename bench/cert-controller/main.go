// A small webhook server in Go whose certificates open-policy-agent/cert-controller keeps, as its documentation says:
// what webhook-certs is compared with. Admits everything and hangs up after each answer.
package main

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"net/http"
	"os"

	"github.com/open-policy-agent/cert-controller/pkg/rotator"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

const (
	namespace = "cert-controller"
	certDir   = "/certs"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	// Zero is the library's default.
	caLifetime := flag.Duration("ca-lifetime", 0, "life of the CA")
	leafLifetime := flag.Duration("leaf-lifetime", 0, "life of a serving certificate")
	renewBefore := flag.Duration("renew-before", 0, "either is renewed when less than this remains")
	checkEvery := flag.Duration("check-every", 0, "how often that is looked at")
	flag.Parse()
	ctrl.SetLogger(zap.New())

	mgr, err := ctrl.NewManager(ctrl.GetConfigOrDie(), ctrl.Options{
		Metrics:                server.Options{BindAddress: "0"},
		HealthProbeBindAddress: ":8080",
		WebhookServer: webhook.NewServer(webhook.Options{
			Port:    9443,
			CertDir: certDir,
			TLSOpts: []func(*tls.Config){func(config *tls.Config) { config.NextProtos = []string{"http/1.1"} }},
		}),
	})
	if err != nil {
		return err
	}
	ready := make(chan struct{})
	if err := rotator.AddRotator(mgr, &rotator.CertRotator{
		SecretKey:              types.NamespacedName{Namespace: namespace, Name: "guard-tls"},
		CertDir:                certDir,
		CAName:                 "guard-ca",
		CAOrganization:         "example.com",
		DNSName:                "guard." + namespace + ".svc",
		IsReady:                ready,
		Webhooks:               []rotator.WebhookInfo{{Name: "cert-controller.example.com", Type: rotator.Validating}},
		CaCertDuration:         *caLifetime,
		ServerCertDuration:     *leafLifetime,
		LookaheadInterval:      *renewBefore,
		RotationCheckFrequency: *checkEvery,
	}); err != nil {
		return err
	}
	if err := mgr.AddReadyzCheck("certs", func(*http.Request) error {
		select {
		case <-ready:
			return nil
		default:
			return fmt.Errorf("no certificates yet")
		}
	}); err != nil {
		return err
	}
	// The server reads the certificates when it starts, so that it starts when they are there.
	go func() {
		<-ready
		mgr.GetWebhookServer().Register("/admit", hangUp(&webhook.Admission{Handler: admission.HandlerFunc(
			func(context.Context, admission.Request) admission.Response { return admission.Allowed("") },
		)}))
	}()
	return mgr.Start(ctrl.SetupSignalHandler())
}

// Every call is a handshake of its own, so that none hides behind a connection of before.
func hangUp(inner http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		inner.ServeHTTP(w, r)
	})
}
