package main

import (
	"crypto/x509"
	"fmt"
	"strconv"
	"time"
)

// court holds what cases refer to.
type court struct {
	chains  []chain
	bundles []pool
}

// chain is what a server presents.
type chain struct {
	leaf  *x509.Certificate
	above *x509.CertPool
	err   error
}

// pool is what a client trusts.
type pool struct {
	roots *x509.CertPool
	any   bool
}

// readChain reads a chain as crypto/tls does in verifyServerCertificate: one that cannot be parsed fails the handshake.
func readChain(ders [][]byte) chain {
	read := chain{above: x509.NewCertPool()}
	for i, der := range ders {
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return chain{err: err}
		}
		if i == 0 {
			read.leaf = certificate
		} else {
			read.above.AddCert(certificate)
		}
	}
	return read
}

// readPool reads a caBundle as client-go does in rootCertPool.
func readPool(pem []byte) pool {
	roots := x509.NewCertPool()
	return pool{roots: roots, any: roots.AppendCertsFromPEM(pem)}
}

func (c *court) judge(chainText, bundleText, timeText, name string) string {
	chainNumber, errChain := strconv.Atoi(chainText)
	bundleNumber, errBundle := strconv.Atoi(bundleText)
	seconds, errTime := strconv.ParseInt(timeText, 10, 64)
	if errChain != nil || errBundle != nil || errTime != nil {
		return "not a case"
	}
	chain, pool := c.chains[chainNumber], c.bundles[bundleNumber]
	if !pool.any {
		return "refuses: unable to load root certificates"
	}
	if chain.err != nil {
		return fmt.Sprintf("refuses: %v", chain.err)
	}
	_, err := chain.leaf.Verify(x509.VerifyOptions{
		DNSName:       name,
		Roots:         pool.roots,
		Intermediates: chain.above,
		CurrentTime:   time.Unix(seconds, 0),
	})
	if err != nil {
		return fmt.Sprintf("refuses: %v", err)
	}
	return "accepts"
}
