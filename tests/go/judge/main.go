// judge: answers as Go's crypto/x509 does, for programs in other languages. Reads questions from standard input, a line
// each, and answers in the same order, a line each. Bytes are base64.
//
//	chain DER,DER,…             none; numbers the chain, from 0
//	bundle PEM                  none; numbers the bundle, from 0
//	case CHAIN BUNDLE TIME NAME accepts, or refuses and why
//	read-bundle PEM             the SHA-256 of each certificate that is read
//	read-certificate DER        what the certificate says, or refuses and why
package main

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	court, questions, err := read(in)
	if err != nil {
		return err
	}
	answers := make([]string, len(questions))
	var workers sync.WaitGroup
	for first := range runtime.NumCPU() {
		workers.Go(func() {
			for i := first; i < len(questions); i += runtime.NumCPU() {
				answers[i] = court.answer(questions[i])
			}
		})
	}
	workers.Wait()
	buffered := bufio.NewWriter(out)
	for _, answer := range answers {
		fmt.Fprintln(buffered, strings.ReplaceAll(answer, "\n", " "))
	}
	return buffered.Flush()
}

func read(in io.Reader) (*court, [][]string, error) {
	court := &court{}
	var questions [][]string
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		words := strings.Split(lines.Text(), " ")
		switch words[0] {
		case "chain":
			chain, err := decodeAll(words[1])
			if err != nil {
				return nil, nil, err
			}
			court.chains = append(court.chains, readChain(chain))
		case "bundle":
			bundle, err := base64.StdEncoding.DecodeString(words[1])
			if err != nil {
				return nil, nil, err
			}
			court.bundles = append(court.bundles, readPool(bundle))
		default:
			questions = append(questions, words)
		}
	}
	return court, questions, lines.Err()
}

func decodeAll(list string) ([][]byte, error) {
	var all [][]byte
	for _, one := range strings.Split(list, ",") {
		bytes, err := base64.StdEncoding.DecodeString(one)
		if err != nil {
			return nil, err
		}
		all = append(all, bytes)
	}
	return all, nil
}

func (c *court) answer(words []string) string {
	switch {
	case words[0] == "case" && len(words) == 5:
		return c.judge(words[1], words[2], words[3], words[4])
	case words[0] == "read-bundle" && len(words) == 2:
		return readBundle(words[1])
	case words[0] == "read-certificate" && len(words) == 2:
		return readCertificate(words[1])
	default:
		return "not a question: " + words[0]
	}
}
