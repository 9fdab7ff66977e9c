package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// call is one question that a function was asked.
type call struct {
	function string
	question map[string]any
}

// fakeAWS answers what the tool asks CloudFormation, Lambda, Cognito and CloudWatch Logs. It knows the stack "live", and the stack
// "bare", which has no functions.
type fakeAWS struct {
	*httptest.Server

	answer  func(function string, question map[string]any) any // JSON; a failure is a function error
	invoked func(w http.ResponseWriter, r *http.Request) bool  // if it returns true, it has answered
	refuse  map[string][2]string                               // code and message by operation
	lines   []string                                           // of every log group, the first the oldest

	parameters map[string]string                                // of the stack
	resources  []string                                         // of the stack, besides those that every stack has
	owners     map[string]string                                // stacks by what they own besides
	policies   map[string]string                                // of functions
	cognito    func(operation string, input map[string]any) any // JSON
	exact      bool                                             // Cognito is asked with json.Number for a number

	mu      sync.Mutex
	calls   []call
	regions []string         // that requests were signed for
	filters []map[string]any // what CloudWatch Logs was asked
	actions map[string]bool  // that the requests need the right to
}

// failure is what a function answers when it fails.
type failure string

// startFake starts a fake, and directs all of the tool's AWS calls to it.
func startFake(t *testing.T, answer func(function string, question map[string]any) any) *fakeAWS {
	t.Helper()
	f := &fakeAWS{answer: answer, actions: map[string]bool{}}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": f.URL, "AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local",
		"AWS_SESSION_TOKEN": "", "AWS_PROFILE": "", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
		"AWS_EC2_METADATA_DISABLED": "true", "STACK": "",
	} {
		t.Setenv(name, value)
	}
	return f
}

func (f *fakeAWS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, scope, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	f.note(r)
	f.regions = append(f.regions, strings.Split(scope+"///", "/")[2])
	switch {
	case strings.HasSuffix(r.URL.Path, "/policy"):
		f.getPolicy(w, r)
	case strings.HasPrefix(r.URL.Path, "/2015-03-31/functions/"):
		f.invoke(w, r)
	case strings.HasPrefix(r.Header.Get("X-Amz-Target"), "AWSCognitoIdentityProviderService."):
		f.askCognito(w, r)
	case r.Header.Get("X-Amz-Target") != "":
		f.filterLogEvents(w, r)
	default:
		f.describe(w, r)
	}
}

// note keeps which action a request needs the right to.
func (f *fakeAWS) note(r *http.Request) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	action := "cognito-idp:" + operation
	switch {
	case strings.HasSuffix(r.URL.Path, "/policy"):
		action = "lambda:GetPolicy"
	case strings.HasPrefix(r.URL.Path, "/2015-03-31/functions/"):
		action = "lambda:InvokeFunction"
	case operation == "":
		action = "cloudformation:" + r.FormValue("Action")
	}
	f.actions[action] = true
}

func (f *fakeAWS) invoke(w http.ResponseWriter, r *http.Request) {
	var c call
	c.function = strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/2015-03-31/functions/live-"), "/invocations")
	_ = json.NewDecoder(r.Body).Decode(&c.question)
	f.calls = append(f.calls, c)
	if refused, ok := f.refuse["Invoke"]; ok {
		w.Header().Set("X-Amzn-Errortype", refused[0])
		w.WriteHeader(http.StatusForbidden)
		_ = json.NewEncoder(w).Encode(map[string]string{"Message": refused[1]})
		return
	}
	if f.invoked != nil && f.invoked(w, r) {
		return
	}
	answer := f.answer(c.function, c.question)
	if message, ok := answer.(failure); ok {
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
		answer = map[string]string{"errorMessage": string(message), "errorType": "errorString"}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (f *fakeAWS) getPolicy(w http.ResponseWriter, r *http.Request) {
	policy, ok := f.policies[strings.Split(r.URL.Path, "/")[3]]
	if !ok {
		w.Header().Set("X-Amzn-Errortype", "ResourceNotFoundException")
		w.WriteHeader(http.StatusNotFound)
	}
	_ = json.NewEncoder(w).Encode(map[string]string{"Policy": policy, "Message": "no policy"})
}

func (f *fakeAWS) askCognito(w http.ResponseWriter, r *http.Request) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	var input map[string]any
	decoder := json.NewDecoder(r.Body)
	if f.exact {
		decoder.UseNumber()
	}
	_ = decoder.Decode(&input)
	if refused, ok := f.refuse[operation]; ok {
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"__type": refused[0], "message": refused[1]})
		return
	}
	_ = json.NewEncoder(w).Encode(f.cognito(operation, input))
}

// describe answers DescribeStackResources and DescribeStacks.
func (f *fakeAWS) describe(w http.ResponseWriter, r *http.Request) {
	name, action := r.FormValue("StackName"), r.FormValue("Action")
	refused, ok := f.refuse[action]
	if id := r.FormValue("PhysicalResourceId"); id != "" {
		f.describeOwner(w, id)
		return
	}
	if !ok && name != "live" && name != "bare" {
		refused, ok = [2]string{"ValidationError", "Stack with id " + name + " does not exist"}, true
	}
	if ok {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, "<ErrorResponse><Error><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>", refused[0], escaped(refused[1]))
		return
	}
	var members strings.Builder
	if action == "DescribeStacks" {
		for key, value := range f.parameters {
			fmt.Fprintf(&members, "<member><ParameterKey>%s</ParameterKey><ParameterValue>%s</ParameterValue></member>", key, escaped(value))
		}
		fmt.Fprintf(w, "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><Parameters>%s</Parameters></member></Stacks>"+
			"</DescribeStacksResult></DescribeStacksResponse>", &members)
		return
	}
	for _, id := range append(f.resources, "MigrateFunction", "ReportFunction", "InspectFunction", "CensusFunction", "JournalFunction", "MaintainFunction", "MigrateLogGroup", "MaintainLogGroup", "ReplayLogGroup") {
		if name == "live" {
			fmt.Fprintf(&members, "<member><LogicalResourceId>%[1]s</LogicalResourceId>"+
				"<PhysicalResourceId>live-%[1]s</PhysicalResourceId></member>", id)
		}
	}
	fmt.Fprintf(w, "<DescribeStackResourcesResponse><DescribeStackResourcesResult><StackResources>%s</StackResources>"+
		"</DescribeStackResourcesResult></DescribeStackResourcesResponse>", &members)
}

// describeOwner says which stack has a resource.
func (f *fakeAWS) describeOwner(w http.ResponseWriter, id string) {
	refused, ok := f.refuse["DescribeOwner"]
	if !ok && f.owners[id] == "" {
		refused, ok = [2]string{"ValidationError", "Stack for " + id + " does not exist"}, true
	}
	if ok {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, "<ErrorResponse><Error><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>", refused[0], escaped(refused[1]))
		return
	}
	fmt.Fprintf(w, "<DescribeStackResourcesResponse><DescribeStackResourcesResult><StackResources><member><StackName>%s</StackName>"+
		"<LogicalResourceId>Pool</LogicalResourceId></member></StackResources></DescribeStackResourcesResult></DescribeStackResourcesResponse>",
		escaped(f.owners[id]))
}

func escaped(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
}

// filterLogEvents answers three lines a page, and takes no notice of the pattern.
func (f *fakeAWS) filterLogEvents(w http.ResponseWriter, r *http.Request) {
	var request map[string]any
	_ = json.NewDecoder(r.Body).Decode(&request)
	f.filters = append(f.filters, request)
	if refused, ok := f.refuse["FilterLogEvents"]; ok {
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"__type": refused[0], "message": refused[1]})
		return
	}
	lines := slices.Clone(f.lines)
	if request["startFromHead"] == false {
		slices.Reverse(lines)
	}
	from := 0
	if token, ok := request["nextToken"].(string); ok {
		_, _ = fmt.Sscan(token, &from)
	}
	to := min(from+3, len(lines))
	events := []map[string]any{}
	for _, line := range lines[from:to] {
		events = append(events, map[string]any{"timestamp": 1784000000000, "message": line + "\n"})
	}
	answer := map[string]any{"events": events}
	if to < len(lines) {
		answer["nextToken"] = fmt.Sprint(to)
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(answer)
}

// tool runs a command line, as if it did not stand in a terminal.
func tool(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, err bytes.Buffer
	code = run(t.Context(), args, &output{stdout: &out, stderr: &err})
	return out.String(), err.String(), code
}

// only answers the same to every question.
func only(answer any) func(string, map[string]any) any {
	return func(string, map[string]any) any { return answer }
}

// drop breaks the connection off.
func drop(w http.ResponseWriter, r *http.Request) bool {
	_, _ = io.Copy(io.Discard, r.Body)
	connection, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = connection.Close()
	}
	return true
}
