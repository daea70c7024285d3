// The load: connections that each send the next request as soon as the last answer is there.
//
// The request comes on standard input as the bytes to send. Standard output says "begin" and "end" at the borders
// of the time that is measured, so that whoever started this can look at other processes then, and at last the
// figures as one line of JSON.
package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	warming int32 = iota
	measuring
	done
)

// Pause of a connection after a failure, so that failures do not turn into a hot loop.
const pause = 10 * time.Millisecond

type load struct {
	address string
	config  *tls.Config
	request []byte
	phase   atomic.Int32
	results []result
}

type result struct {
	latencies []time.Duration
	errors    int
	first     string
}

type figures struct {
	Requests int     `json:"requests"`
	Seconds  float64 `json:"seconds"`
	P50      float64 `json:"p50_ms"`
	P99      float64 `json:"p99_ms"`
	Errors   int     `json:"errors"`
	First    string  `json:"first_error"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run() error {
	address := flag.String("address", "", "`HOST:PORT` to connect to")
	authority := flag.String("ca", "", "PEM `FILE` of who may vouch for the server; without it there is no TLS")
	connections := flag.Int("connections", 1, "how many")
	warm := flag.Duration("warm", 2*time.Second, "time before measuring")
	measured := flag.Duration("time", 10*time.Second, "time that is measured")
	flag.Parse()

	request, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	all := &load{address: *address, request: request, results: make([]result, *connections)}
	if *authority != "" {
		if all.config, err = trusting(*authority); err != nil {
			return err
		}
	}
	var group sync.WaitGroup
	for index := range all.results {
		group.Go(func() { all.work(&all.results[index]) })
	}
	time.Sleep(*warm)
	all.phase.Store(measuring)
	begun := time.Now()
	fmt.Println("begin")
	time.Sleep(*measured)
	all.phase.Store(done)
	elapsed := time.Since(begun)
	fmt.Println("end")
	group.Wait()
	return json.NewEncoder(os.Stdout).Encode(all.sum(elapsed))
}

func trusting(file string) (*tls.Config, error) {
	bundle, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(bundle) {
		return nil, fmt.Errorf("%s holds no certificate", file)
	}
	return &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}, nil
}

func (all *load) sum(elapsed time.Duration) figures {
	var latencies []time.Duration
	sum := figures{Seconds: elapsed.Seconds()}
	for _, one := range all.results {
		latencies = append(latencies, one.latencies...)
		sum.Errors += one.errors
		if sum.First == "" {
			sum.First = one.first
		}
	}
	slices.Sort(latencies)
	sum.Requests = len(latencies)
	sum.P50, sum.P99 = percentile(latencies, 50), percentile(latencies, 99)
	return sum
}

func percentile(sorted []time.Duration, percent int) float64 {
	if len(sorted) == 0 {
		return 0
	}
	index := min(len(sorted)*percent/100, len(sorted)-1)
	return float64(sorted[index].Microseconds()) / 1000
}

// Goes on until the time is over, also over lost connections.
func (all *load) work(into *result) {
	into.latencies = make([]time.Duration, 0, 1<<14)
	for all.phase.Load() != done {
		if err := all.converse(into); err != nil {
			into.errors++
			if into.first == "" {
				into.first = err.Error()
			}
			time.Sleep(pause)
		}
	}
}

func (all *load) converse(into *result) error {
	connection, err := all.connect()
	if err != nil {
		return err
	}
	defer connection.Close()
	answers := bufio.NewReaderSize(connection, 16*1024)
	for {
		begun := time.Now()
		if _, err := connection.Write(all.request); err != nil {
			return err
		}
		if err := read(answers); err != nil {
			return err
		}
		switch all.phase.Load() {
		case measuring:
			into.latencies = append(into.latencies, time.Since(begun))
		case done:
			return nil
		}
	}
}

func (all *load) connect() (net.Conn, error) {
	connection, err := net.Dial("tcp", all.address)
	if err != nil || all.config == nil {
		return connection, err
	}
	return tls.Client(connection, all.config), nil
}

// Reads one answer, which must be a good one, no further than needed to know where it ends.
func read(answers *bufio.Reader) error {
	status, err := answers.ReadSlice('\n')
	if err != nil {
		return err
	}
	good := bytes.HasPrefix(status, []byte("HTTP/1.1 200 "))
	line, length := bytes.Clone(bytes.TrimSpace(status)), -1
	for {
		header, err := answers.ReadSlice('\n')
		if err != nil {
			return err
		}
		if header = bytes.TrimSpace(header); len(header) == 0 {
			break
		}
		name, value, _ := bytes.Cut(header, []byte(":"))
		if bytes.EqualFold(name, []byte("content-length")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return errors.New("an answer has no length")
	}
	if good {
		_, err := answers.Discard(length)
		return err
	}
	body, err := io.ReadAll(io.LimitReader(answers, int64(length)))
	if err != nil {
		return err
	}
	return fmt.Errorf("%s: %s", line, body)
}
