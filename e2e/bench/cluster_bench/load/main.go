// The load: connections that each send the next request as soon as the last answer is there, or, where a rate is
// given, as soon as the next one is due.
//
// Requests come on standard input as a list of strings in JSON, which connections take in turn. Standard output says
// "begin" and "end" at the borders of the time that is measured, so that whoever started this can look at other
// processes then, and at last the figures as one line of JSON.
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
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	warming int32 = iota
	measuring
	done
)

// Pause of a connection after a failure, so that failures do not turn into a hot loop.
const pause = 10 * time.Millisecond

// Requests of an open loop that may be due and not sent. Where more are, it is as slow as what it asks.
const waiting = 1 << 16

type load struct {
	network  string
	address  string
	config   *tls.Config
	requests []string
	phase    atomic.Int32
	// Connections that were not tried yet.
	opening sync.WaitGroup
	// When requests of an open loop were due; a closed loop has none.
	due     chan time.Time
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
	socket := flag.String("socket", "", "`PATH` of a Unix socket to connect to instead")
	authority := flag.String("ca", "", "PEM `FILE` of who may vouch for the server; without it there is no TLS")
	connections := flag.Int("connections", 1, "how many")
	rate := flag.Float64("rate", 0, "requests a second of all connections; 0 for as many as are answered")
	warm := flag.Duration("warm", 2*time.Second, "time before measuring")
	measured := flag.Duration("time", 10*time.Second, "time that is measured")
	flag.Parse()

	all := &load{network: "tcp", address: *address, results: make([]result, *connections)}
	err := json.NewDecoder(os.Stdin).Decode(&all.requests)
	if err != nil {
		return err
	}
	if *socket != "" {
		all.network, all.address = "unix", *socket
	}
	if *authority != "" {
		if all.config, err = trusting(*authority); err != nil {
			return err
		}
	}
	if *rate > 0 {
		all.due = make(chan time.Time, waiting)
	}
	var group sync.WaitGroup
	all.opening.Add(*connections)
	for index := range all.results {
		request := []byte(all.requests[index%len(all.requests)])
		group.Go(func() { all.work(request, &all.results[index]) })
	}
	all.opening.Wait()
	if *rate > 0 {
		go all.pace(time.Duration(float64(time.Second) / *rate))
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

// Says when requests are due, however long answers take. It has a thread for itself, whose sleep is exact: the
// runtime's timers may be a millisecond late.
func (all *load) pace(period time.Duration) {
	runtime.LockOSThread()
	defer close(all.due)
	for next := time.Now(); all.phase.Load() != done; next = next.Add(period) {
		if early := time.Until(next); early > 0 {
			pause := syscall.NsecToTimespec(early.Nanoseconds())
			// Woken by a signal it is early, which does not matter.
			_ = syscall.Nanosleep(&pause, nil)
		}
		all.due <- next
	}
}

// Gives the time that a request's latency counts from: in an open loop it has waited since it was due.
func (all *load) turn() time.Time {
	if all.due == nil {
		return time.Now()
	}
	if due, more := <-all.due; more {
		return due
	}
	return time.Now()
}

// Goes on until the time is over, also over lost connections.
func (all *load) work(request []byte, into *result) {
	into.latencies = make([]time.Duration, 0, 1<<14)
	opened := sync.OnceFunc(all.opening.Done)
	for all.phase.Load() != done {
		if err := all.converse(request, opened, into); err != nil {
			into.errors++
			if into.first == "" {
				into.first = err.Error()
			}
			time.Sleep(pause)
		}
	}
}

func (all *load) converse(request []byte, opened func(), into *result) error {
	connection, err := all.connect()
	opened()
	if err != nil {
		return err
	}
	defer connection.Close()
	answers := bufio.NewReaderSize(connection, 16*1024)
	for {
		begun := all.turn()
		if all.phase.Load() == done {
			return nil
		}
		if _, err := connection.Write(request); err != nil {
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
	connection, err := net.Dial(all.network, all.address)
	if err != nil || all.config == nil {
		return connection, err
	}
	secure := tls.Client(connection, all.config)
	return secure, secure.Handshake()
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
