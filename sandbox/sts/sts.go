// Package sts is an AWS STS with one operation, AssumeRole, as a caller with a role of its own meets it.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
package sts

import (
	"encoding/xml"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Server is a running STS.
type Server struct {
	server   http.Server
	endpoint string

	mu       sync.Mutex
	trust    map[string]string // the external id that a role asks for, by the role's ARN
	lifetime time.Duration
	ends     map[string]time.Time // of the credentials that were given out, by their access key
}

// Start starts a server that knows no role.
func Start() (*Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Server{endpoint: "http://" + l.Addr().String(), trust: map[string]string{}, ends: map[string]time.Time{}}
	s.server.Handler = http.HandlerFunc(s.handle)
	go func() { _ = s.server.Serve(l) }()
	return s, nil
}

// Close ends the server.
func (s *Server) Close() { _ = s.server.Close() }

// Endpoint is the server's URL.
func (s *Server) Endpoint() string { return s.endpoint }

// Trust lets everyone take on a role who names the external id, or no external id if it is empty.
func (s *Server) Trust(roleARN, externalID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trust[roleARN] = externalID
}

// Distrust lets nobody take on a role any longer. Credentials that were given out stay good.
func (s *Server) Distrust(roleARN string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.trust, roleARN)
}

// SetLifetime makes credentials end after so long, whatever lifetime the request has; zero lifts that.
func (s *Server) SetLifetime(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lifetime = d
}

// Issued counts the credentials that were given out.
func (s *Server) Issued() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.ends)
}

// Good tells whether credentials were given out, by their access key, and have not ended.
func (s *Server) Good(accessKey string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Before(s.ends[accessKey])
}

var sessionName = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)

// The seconds that may be asked for: no more than an hour for a caller who is in a role already.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining
const minDuration, maxDuration = 900, 3600

func (s *Server) handle(w http.ResponseWriter, r *http.Request) {
	seconds, err := strconv.Atoi(r.FormValue("DurationSeconds"))
	switch {
	case r.FormValue("Action") != "AssumeRole":
		refuse(w, http.StatusBadRequest, "InvalidAction", "Could not find operation")
	case !strings.Contains(r.Header.Get("Authorization"), "Credential="):
		refuse(w, http.StatusForbidden, "MissingAuthenticationToken", "Request is missing Authentication Token")
	case !sessionName.MatchString(r.FormValue("RoleSessionName")), err != nil, seconds < minDuration, seconds > maxDuration:
		refuse(w, http.StatusBadRequest, "ValidationError", "RoleSessionName or DurationSeconds is out of bounds")
	default:
		s.assume(w, r.FormValue("RoleArn"), r.FormValue("ExternalId"), time.Duration(seconds)*time.Second)
	}
}

func (s *Server) assume(w http.ResponseWriter, role, externalID string, lifetime time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if wanted, trusted := s.trust[role]; !trusted || wanted != "" && wanted != externalID {
		refuse(w, http.StatusForbidden, "AccessDenied", "User is not authorized to perform: sts:AssumeRole on resource: "+role)
		return
	}
	if s.lifetime > 0 {
		lifetime = s.lifetime
	}
	key, end := fmt.Sprintf("ASIASANDBOX%09d", len(s.ends)), time.Now().Add(lifetime)
	s.ends[key] = end
	var answer struct {
		XMLName     xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ AssumeRoleResponse"`
		Credentials struct {
			AccessKeyID     string `xml:"AccessKeyId"`
			SecretAccessKey string
			SessionToken    string
			Expiration      string
		} `xml:"AssumeRoleResult>Credentials"`
	}
	answer.Credentials.AccessKeyID, answer.Credentials.SecretAccessKey, answer.Credentials.SessionToken = key, "secret", "token"
	answer.Credentials.Expiration = end.UTC().Format(time.RFC3339Nano)
	write(w, http.StatusOK, answer)
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	var answer struct {
		XMLName xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ ErrorResponse"`
		Type    string   `xml:"Error>Type"`
		Code    string   `xml:"Error>Code"`
		Message string   `xml:"Error>Message"`
	}
	answer.Type, answer.Code, answer.Message = "Sender", code, message
	write(w, status, answer)
}

func write(w http.ResponseWriter, status int, answer any) {
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	_ = xml.NewEncoder(w).Encode(answer)
}
