// Package cloudwatch takes metrics as Amazon CloudWatch's PutMetricData does, refuses what CloudWatch would refuse, and lets tests
// read what arrived. It speaks the protocol of the AWS SDK for Go: Smithy RPC v2 with CBOR.
package cloudwatch

import (
	"compress/gzip"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/smithy-go/encoding/cbor"
)

// Datum is one value of a metric that arrived.
type Datum struct {
	Namespace, Name string
	Dimensions      map[string]string
	Unit            string
	Value           float64
}

// Server is the CloudWatch service of one account in one Region.
type Server struct {
	http     http.Server
	endpoint string

	mu   sync.Mutex
	data []Datum
}

// Start starts the service on a free port of the loopback interface.
func Start() (*Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the CloudWatch service: %w", err)
	}
	s := &Server{endpoint: "http://" + l.Addr().String()}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /service/GraniteServiceVersion20100801/operation/PutMetricData", s.putMetricData)
	s.http.Handler = mux
	go func() { _ = s.http.Serve(l) }()
	return s, nil
}

// Endpoint returns the URL that AWS clients are to use for CloudWatch.
func (s *Server) Endpoint() string { return s.endpoint }

// Close ends the service.
func (s *Server) Close() { _ = s.http.Close() }

// Data returns what has arrived in a namespace, in order.
func (s *Server) Data(namespace string) []Datum {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.data), func(d Datum) bool { return d.Namespace != namespace })
}

func (s *Server) putMetricData(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("smithy-protocol", "rpc-v2-cbor")
	w.Header().Set("Content-Type", "application/cbor")
	data, err := read(r)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write(cbor.Encode(cbor.Map{
			"__type":  cbor.String("com.amazonaws.cloudwatch#InvalidParameterValueException"),
			"message": cbor.String(err.Error()),
		}))
		return
	}
	s.mu.Lock()
	s.data = append(s.data, data...)
	s.mu.Unlock()
	_, _ = w.Write(cbor.Encode(cbor.Map{}))
}

// read reads a request and holds it to the limits of
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html and API_MetricDatum.html.
func read(r *http.Request) ([]Datum, error) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(body)
		if err != nil {
			return nil, err
		}
		body = unzipped
	}
	raw, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	value, err := cbor.Decode(raw)
	if err != nil {
		return nil, err
	}
	request, _ := value.(cbor.Map)
	namespace, _ := request["Namespace"].(cbor.String)
	if namespace == "" || len(namespace) > 255 || strings.HasPrefix(string(namespace), "AWS/") {
		return nil, fmt.Errorf("the namespace %q is not allowed", namespace)
	}
	list, _ := request["MetricData"].(cbor.List)
	if len(list) == 0 || len(list) > 1000 {
		return nil, fmt.Errorf("%d metrics: allowed are 1 to 1000", len(list))
	}
	var data []Datum
	for _, item := range list {
		datum, err := datumOf(item)
		if err != nil {
			return nil, err
		}
		datum.Namespace = string(namespace)
		data = append(data, datum)
	}
	return data, nil
}

func datumOf(item cbor.Value) (Datum, error) {
	m, _ := item.(cbor.Map)
	name, _ := m["MetricName"].(cbor.String)
	unit, _ := m["Unit"].(cbor.String)
	d := Datum{Name: string(name), Unit: string(unit), Dimensions: map[string]string{}}
	switch value := m["Value"].(type) {
	case cbor.Float64:
		d.Value = float64(value)
	case cbor.Float32:
		d.Value = float64(value)
	case cbor.Uint:
		d.Value = float64(value)
	default:
		return d, fmt.Errorf("%s has no value", name)
	}
	dimensions, _ := m["Dimensions"].(cbor.List)
	for _, item := range dimensions {
		dimension, _ := item.(cbor.Map)
		key, _ := dimension["Name"].(cbor.String)
		value, _ := dimension["Value"].(cbor.String)
		if key == "" || value == "" || len(key) > 255 || len(value) > 1024 {
			return d, fmt.Errorf("%s has the dimension %q with the value %q", name, key, value)
		}
		d.Dimensions[string(key)] = string(value)
	}
	switch {
	case name == "" || len(name) > 255:
		return d, fmt.Errorf("the name %q is not allowed", name)
	case len(dimensions) > 30 || len(d.Dimensions) != len(dimensions):
		return d, fmt.Errorf("%s has too many dimensions, or one twice", name)
	case !slices.Contains(types.StandardUnit("").Values(), types.StandardUnit(unit)):
		return d, fmt.Errorf("%s has the unit %q", name, unit)
	case math.IsNaN(d.Value) || math.IsInf(d.Value, 0):
		return d, fmt.Errorf("%s has the value %f", name, d.Value)
	}
	return d, nil
}
