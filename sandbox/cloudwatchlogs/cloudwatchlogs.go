// Package cloudwatchlogs answers what a log group holds, as Amazon CloudWatch Logs' FilterLogEvents does. It speaks AWS JSON 1.1.
package cloudwatchlogs

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Event is one line of a log group.
type Event struct {
	At      time.Time
	Message string
}

// Server is the CloudWatch Logs service of one account in one Region.
type Server struct {
	http     http.Server
	endpoint string
	groups   func(name string) (events []Event, ok bool)
}

// Start starts the service on a free port of the loopback interface. It asks groups what a log group holds, in order of time, and
// whether there is one of that name.
func Start(groups func(name string) (events []Event, ok bool)) (*Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the CloudWatch Logs service: %w", err)
	}
	s := &Server{endpoint: "http://" + l.Addr().String(), groups: groups}
	s.http.Handler = http.HandlerFunc(s.serve)
	go func() { _ = s.http.Serve(l) }()
	return s, nil
}

// Endpoint returns the URL that AWS clients are to use for CloudWatch Logs.
func (s *Server) Endpoint() string { return s.endpoint }

// Close ends the service.
func (s *Server) Close() { _ = s.http.Close() }

// refusal is an error of the service: its code, and what it says.
type refusal struct{ code, message string }

func (r *refusal) Error() string { return r.code + ": " + r.message }

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	answer, err := s.answer(r)
	if err != nil {
		refused := &refusal{"InvalidParameterException", err.Error()}
		errors.As(err, &refused)
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"__type": refused.code, "message": refused.message})
		return
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// request is what is known here of
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html.
type request struct {
	LogGroupName       string
	StartTime, EndTime int64
	FilterPattern      string
	Limit              int
	NextToken          string
	StartFromHead      *bool
}

type filtered struct {
	Timestamp int64  `json:"timestamp"`
	Message   string `json:"message"`
}

type answer struct {
	Events    []filtered `json:"events"`
	NextToken string     `json:"nextToken,omitempty"`
}

func (s *Server) answer(r *http.Request) (answer, error) {
	if target := r.Header.Get("X-Amz-Target"); target != "Logs_20140328.FilterLogEvents" {
		return answer{}, &refusal{"UnknownOperationException", target + " is not known here."}
	}
	var req request
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		return answer{}, err
	}
	events, ok := s.groups(req.LogGroupName)
	if !ok {
		return answer{}, &refusal{"ResourceNotFoundException", "The specified log group does not exist."}
	}
	wants, err := terms(req.FilterPattern)
	if err != nil {
		return answer{}, err
	}
	fits := []filtered{}
	for _, e := range events {
		at := e.At.UnixMilli()
		if at >= req.StartTime && (req.EndTime == 0 || at <= req.EndTime) && wants(e.Message) {
			fits = append(fits, filtered{at, e.Message})
		}
	}
	return page(fits, req)
}

// page is the page that a request asks for. Its token has the direction, as AWS's has, and how many events went before.
func page(fits []filtered, req request) (answer, error) {
	fromHead, from := req.StartFromHead == nil || *req.StartFromHead, 0
	if req.NextToken != "" {
		if _, err := fmt.Sscanf(req.NextToken, "%t/%d", &fromHead, &from); err != nil || from < 0 || from > len(fits) {
			return answer{}, &refusal{"InvalidParameterException", "The specified nextToken is invalid."}
		}
	}
	if !fromHead {
		slices.Reverse(fits)
	}
	to := min(from+cmp.Or(req.Limit, 10_000), len(fits))
	a := answer{Events: fits[from:to]}
	if to < len(fits) {
		a.NextToken = fmt.Sprintf("%t/%d", fromHead, to)
	}
	return a, nil
}

// optional is one term of a pattern that asks for any of its terms: ?word or ?"some words".
var optional = regexp.MustCompile(`^\s*\?(?:(\w+)|"([^"]*)")(?:\s|$)`)

// terms reads a pattern of optional terms; no other is known here.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
func terms(pattern string) (func(message string) bool, error) {
	var any []string
	for rest := strings.TrimSpace(pattern); rest != ""; {
		found := optional.FindStringSubmatch(rest)
		if found == nil {
			return nil, &refusal{"InvalidParameterException", "The pattern " + pattern + " is not known here."}
		}
		any, rest = append(any, found[1]+found[2]), rest[len(found[0]):]
	}
	return func(message string) bool {
		return any == nil || slices.ContainsFunc(any, func(term string) bool { return strings.Contains(message, term) })
	}, nil
}
