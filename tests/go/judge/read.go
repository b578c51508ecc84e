package main

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strings"
)

// readBundle does what CertPool.AppendCertsFromPEM does, and tells which certificates it would have added. That it
// does the same is checked by asking AppendCertsFromPEM whether there was any, and the pool how many.
func readBundle(text string) string {
	bytes, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "not base64"
	}
	twin, seen := x509.NewCertPool(), map[string]bool{}
	var fingerprints []string
	for rest := bytes; len(rest) > 0; {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			break
		}
		if block.Type != "CERTIFICATE" || len(block.Headers) != 0 {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			continue
		}
		twin.AddCert(certificate)
		fingerprint := fmt.Sprintf("%x", sha256.Sum256(certificate.Raw))
		if !seen[fingerprint] {
			seen[fingerprint] = true
			fingerprints = append(fingerprints, fingerprint)
		}
	}
	pool := x509.NewCertPool()
	if pool.AppendCertsFromPEM(bytes) != (len(fingerprints) > 0) || !pool.Equal(twin) {
		return "the twin differs from AppendCertsFromPEM"
	}
	return strings.Join(fingerprints, ",")
}

func readCertificate(text string) string {
	bytes, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "not base64"
	}
	c, err := x509.ParseCertificate(bytes)
	if err != nil {
		return fmt.Sprintf("refuses: %v", err)
	}
	facts := []string{
		"subject=" + hex.EncodeToString(c.RawSubject),
		"issuer=" + hex.EncodeToString(c.RawIssuer),
		"serial=" + strings.TrimLeft(c.SerialNumber.Text(16), "0"),
		fmt.Sprintf("from=%d", c.NotBefore.Unix()),
		fmt.Sprintf("to=%d", c.NotAfter.Unix()),
		"ski=" + hex.EncodeToString(c.SubjectKeyId),
		"aki=" + hex.EncodeToString(c.AuthorityKeyId),
		fmt.Sprintf("constrained=%t", c.BasicConstraintsValid),
		fmt.Sprintf("ca=%t", c.IsCA),
		"length=" + pathLength(c),
		"usage=" + keyUsage(c.KeyUsage),
		"purpose=" + purposes(c),
		"dns=" + hexList(c.DNSNames),
		"ip=" + addresses(c),
		"key=" + hex.EncodeToString(c.RawSubjectPublicKeyInfo),
	}
	return strings.Join(facts, ";")
}

func pathLength(c *x509.Certificate) string {
	if !c.BasicConstraintsValid || c.MaxPathLen < 0 {
		return "none"
	}
	return fmt.Sprint(c.MaxPathLen)
}

func keyUsage(usage x509.KeyUsage) string {
	if usage == 0 {
		return "none"
	}
	return fmt.Sprintf("sign:%t,certificates:%t,lists:%t", usage&x509.KeyUsageDigitalSignature != 0,
		usage&x509.KeyUsageCertSign != 0, usage&x509.KeyUsageCRLSign != 0)
}

func purposes(c *x509.Certificate) string {
	if len(c.ExtKeyUsage) == 0 && len(c.UnknownExtKeyUsage) == 0 {
		return "none"
	}
	var all, server, client bool
	for _, usage := range c.ExtKeyUsage {
		all = all || usage == x509.ExtKeyUsageAny
		server = server || usage == x509.ExtKeyUsageServerAuth
		client = client || usage == x509.ExtKeyUsageClientAuth
	}
	return fmt.Sprintf("any:%t,server:%t,client:%t", all, server, client)
}

func hexList(names []string) string {
	var list []string
	for _, name := range names {
		list = append(list, hex.EncodeToString([]byte(name)))
	}
	return strings.Join(list, ",")
}

func addresses(c *x509.Certificate) string {
	var list []string
	for _, ip := range c.IPAddresses {
		list = append(list, hex.EncodeToString(ip))
	}
	return strings.Join(list, ",")
}
