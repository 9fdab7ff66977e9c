package cognito

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
)

// Region is Cognito's one endpoint for all pools of a Region: it leads a request to the pool that the request names.
type Region struct {
	server   http.Server
	endpoint string
}

// StartRegion starts an endpoint before pools, which are given by their ids and own endpoints.
func StartRegion(pools map[string]string) (*Region, error) {
	targets := map[string]*url.URL{}
	for id, endpoint := range pools {
		target, err := url.Parse(endpoint)
		if err != nil {
			return nil, fmt.Errorf("start a Cognito endpoint: %w", err)
		}
		targets[id] = target
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start a Cognito endpoint: %w", err)
	}
	r := &Region{endpoint: "http://" + listener.Addr().String()}
	r.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		var named struct{ UserPoolID string }
		_ = json.Unmarshal(body, &named) // what is not understood names no pool
		target, ok := targets[named.UserPoolID]
		if !ok {
			http.Error(w, `{"__type":"ResourceNotFoundException","message":"User pool does not exist."}`, http.StatusBadRequest)
			return
		}
		request.Body = io.NopCloser(bytes.NewReader(body))
		proxy := &httputil.ReverseProxy{
			Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(target) },
			// A pool that resets the connection does so to the client as well.
			ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
			ErrorLog:     log.New(io.Discard, "", 0),
		}
		proxy.ServeHTTP(w, request)
	})
	r.server.ErrorLog = log.New(io.Discard, "", 0)
	go func() { _ = r.server.Serve(listener) }()
	return r, nil
}

// Endpoint is the URL that clients are to use.
func (r *Region) Endpoint() string { return r.endpoint }

// Close ends the endpoint and every connection to it.
func (r *Region) Close() { _ = r.server.Close() }
