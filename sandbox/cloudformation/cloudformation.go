// Package cloudformation says which resources and parameters a stack has, as AWS CloudFormation's DescribeStackResources and DescribeStacks
// do. It speaks the AWS query protocol.
package cloudformation

import (
	"encoding/xml"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
)

// Server is the CloudFormation service of one account in one Region.
type Server struct {
	http     http.Server
	endpoint string

	mu         sync.Mutex
	stacks     map[string]map[string]string // physical ids by logical ids
	parameters map[string]map[string]string // by stack
}

// Start starts the service on a free port of the loopback interface.
func Start() (*Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the CloudFormation service: %w", err)
	}
	s := &Server{endpoint: "http://" + l.Addr().String(), stacks: map[string]map[string]string{}, parameters: map[string]map[string]string{}}
	s.http.Handler = http.HandlerFunc(s.serve)
	go func() { _ = s.http.Serve(l) }()
	return s, nil
}

// Endpoint returns the URL that AWS clients are to use for CloudFormation.
func (s *Server) Endpoint() string { return s.endpoint }

// Close ends the service.
func (s *Server) Close() { _ = s.http.Close() }

// Put gives a stack resources, physical ids by logical ids, besides those that it has. It makes the stack if there is none.
func (s *Server) Put(stack string, resources map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stacks[stack] == nil {
		s.stacks[stack] = map[string]string{}
	}
	maps.Copy(s.stacks[stack], resources)
}

// SetParameters says which parameters a stack was deployed with.
func (s *Server) SetParameters(stack string, parameters map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parameters[stack] = maps.Clone(parameters)
}

// describeStacksResponse is the answer, as
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html has it.
type describeStacksResponse struct {
	XMLName    xml.Name    `xml:"DescribeStacksResponse"`
	StackName  string      `xml:"DescribeStacksResult>Stacks>member>StackName"`
	Parameters []parameter `xml:"DescribeStacksResult>Stacks>member>Parameters>member"`
}

type parameter struct{ ParameterKey, ParameterValue string }

// describeStackResourcesResponse is the answer, as
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResources.html has it.
type describeStackResourcesResponse struct {
	XMLName   xml.Name   `xml:"DescribeStackResourcesResponse"`
	Resources []resource `xml:"DescribeStackResourcesResult>StackResources>member"`
}

type resource struct {
	StackName, LogicalResourceId, PhysicalResourceId, ResourceStatus string
}

type errorResponse struct {
	XMLName xml.Name `xml:"ErrorResponse"`
	Type    string   `xml:"Error>Type"`
	Code    string   `xml:"Error>Code"`
	Message string   `xml:"Error>Message"`
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/xml")
	refuse := func(code, message string) {
		w.WriteHeader(http.StatusBadRequest)
		_ = xml.NewEncoder(w).Encode(errorResponse{Type: "Sender", Code: code, Message: message})
	}
	stack, action := r.FormValue("StackName"), r.FormValue("Action")
	s.mu.Lock()
	resources, parameters, ok := maps.Clone(s.stacks[stack]), maps.Clone(s.parameters[stack]), s.stacks[stack] != nil
	s.mu.Unlock()
	switch {
	case action != "DescribeStackResources" && action != "DescribeStacks":
		refuse("InvalidAction", "The action "+action+" is not known here.")
	case !ok:
		refuse("ValidationError", "Stack with id "+stack+" does not exist")
	case action == "DescribeStacks":
		answer := describeStacksResponse{StackName: stack}
		for _, name := range slices.Sorted(maps.Keys(parameters)) {
			answer.Parameters = append(answer.Parameters, parameter{name, parameters[name]})
		}
		_ = xml.NewEncoder(w).Encode(answer)
	default:
		var answer describeStackResourcesResponse
		for _, id := range slices.Sorted(maps.Keys(resources)) {
			answer.Resources = append(answer.Resources, resource{stack, id, resources[id], "CREATE_COMPLETE"})
		}
		_ = xml.NewEncoder(w).Encode(answer)
	}
}
