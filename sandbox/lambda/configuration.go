package lambda

import (
	"encoding/json"
	"net/http"
	"strings"
)

// getPolicy tells who may invoke a function.
// https://docs.aws.amazon.com/lambda/latest/api/API_GetPolicy.html
func (s *Server) getPolicy(w http.ResponseWriter, r *http.Request) {
	name := functionName(r.PathValue("name"))
	if f := s.function(name); f == nil || f.Policy == "" {
		writeError(w, &apiError{http.StatusNotFound, "ResourceNotFoundException", "The resource you requested does not exist."})
	} else {
		_ = json.NewEncoder(w).Encode(map[string]string{"Policy": f.Policy, "RevisionId": "1"})
	}
}

// getFunctionConfiguration tells the variables that a function was deployed with.
// https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html
func (s *Server) getFunctionConfiguration(w http.ResponseWriter, r *http.Request) {
	name := functionName(r.PathValue("name"))
	f := s.function(name)
	if f == nil {
		writeError(w, &apiError{http.StatusNotFound, "ResourceNotFoundException", "Function not found: " + arn(name)})
		return
	}
	variables := map[string]string{}
	for _, variable := range f.Env {
		key, value, _ := strings.Cut(variable, "=")
		variables[key] = value
	}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"FunctionName": name, "FunctionArn": arn(name), "Environment": map[string]any{"Variables": variables},
	})
}
