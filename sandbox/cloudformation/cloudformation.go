// Package cloudformation says which resources and parameters a stack has, and of which stack a resource is, as AWS CloudFormation's
// DescribeStackResources and DescribeStacks do. It speaks the AWS query protocol.
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

	mu     sync.Mutex
	stacks map[string]*stack
}

type stack struct {
	resources  map[string]string // physical ids by logical ids
	parameters map[string]string
}

// Start starts the service on a free port of the loopback interface.
func Start() (*Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the CloudFormation service: %w", err)
	}
	s := &Server{endpoint: "http://" + l.Addr().String(), stacks: map[string]*stack{}}
	s.http.Handler = http.HandlerFunc(s.serve)
	go func() { _ = s.http.Serve(l) }()
	return s, nil
}

// Endpoint returns the URL that AWS clients are to use for CloudFormation.
func (s *Server) Endpoint() string { return s.endpoint }

// Close ends the service.
func (s *Server) Close() { _ = s.http.Close() }

// Put gives a stack resources, physical ids by logical ids, besides those that it has. It makes the stack if there is none.
func (s *Server) Put(name string, resources map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.Copy(s.stack(name).resources, resources)
}

// PutParameters gives a stack parameters besides those that it has. It makes the stack if there is none.
func (s *Server) PutParameters(name string, parameters map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.Copy(s.stack(name).parameters, parameters)
}

func (s *Server) stack(name string) *stack {
	if s.stacks[name] == nil {
		s.stacks[name] = &stack{resources: map[string]string{}, parameters: map[string]string{}}
	}
	return s.stacks[name]
}

// describeStackResourcesResponse is the answer, as
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResources.html has it.
type describeStackResourcesResponse struct {
	XMLName   xml.Name   `xml:"DescribeStackResourcesResponse"`
	Resources []resource `xml:"DescribeStackResourcesResult>StackResources>member"`
}

type resource struct {
	StackName, LogicalResourceId, PhysicalResourceId, ResourceStatus string
}

// describeStacksResponse is the answer, as
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html has it.
type describeStacksResponse struct {
	XMLName xml.Name         `xml:"DescribeStacksResponse"`
	Stacks  []describedStack `xml:"DescribeStacksResult>Stacks>member"`
}

type describedStack struct {
	StackName, StackStatus string
	Parameters             []parameter `xml:"Parameters>member"`
}

type parameter struct {
	ParameterKey, ParameterValue string
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
	describe, ok := map[string]func(string, *stack) any{
		"DescribeStackResources": describeStackResources, "DescribeStacks": describeStacks,
	}[r.FormValue("Action")]
	if !ok {
		refuse("InvalidAction", "The action "+r.FormValue("Action")+" is not known here.")
		return
	}
	name, resource := r.FormValue("StackName"), r.FormValue("PhysicalResourceId")
	s.mu.Lock()
	defer s.mu.Unlock()
	if resource != "" {
		if name = s.stackOf(resource); name == "" {
			refuse("ValidationError", "Stack for "+resource+" does not exist")
			return
		}
	}
	if s.stacks[name] == nil {
		refuse("ValidationError", "Stack with id "+name+" does not exist")
		return
	}
	_ = xml.NewEncoder(w).Encode(describe(name, s.stacks[name]))
}

// stackOf returns the name of the stack that has a resource, or "".
func (s *Server) stackOf(physicalID string) string {
	for _, name := range slices.Sorted(maps.Keys(s.stacks)) {
		if slices.Contains(slices.Collect(maps.Values(s.stacks[name].resources)), physicalID) {
			return name
		}
	}
	return ""
}

const complete = "CREATE_COMPLETE"

func describeStackResources(name string, s *stack) any {
	var answer describeStackResourcesResponse
	for _, id := range slices.Sorted(maps.Keys(s.resources)) {
		answer.Resources = append(answer.Resources, resource{name, id, s.resources[id], complete})
	}
	return answer
}

func describeStacks(name string, s *stack) any {
	described := describedStack{StackName: name, StackStatus: complete}
	for _, key := range slices.Sorted(maps.Keys(s.parameters)) {
		described.Parameters = append(described.Parameters, parameter{key, s.parameters[key]})
	}
	return describeStacksResponse{Stacks: []describedStack{described}}
}
