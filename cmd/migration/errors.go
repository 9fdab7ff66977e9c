package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/smithy-go"
)

// functionError is the error that a function answered with.
type functionError struct {
	function, message string
}

func (e *functionError) Error() string { return e.function + ": " + e.message }

// newFunctionError reads a function's error, {"errorMessage":…,"errorType":…}.
// https://docs.aws.amazon.com/lambda/latest/dg/golang-exceptions.html
func newFunctionError(function string, payload []byte) error {
	var failure struct{ ErrorMessage string }
	_ = json.Unmarshal(payload, &failure)
	return &functionError{function, cmp.Or(failure.ErrorMessage, string(payload))}
}

// The codes by which AWS says that a permission is missing, or that it does not know who asks.
var (
	denied  = []string{"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}
	unknown = []string{
		"ExpiredToken", "ExpiredTokenException", "RequestExpired", "InvalidClientTokenId", "UnrecognizedClientException",
		"InvalidSignatureException", "SignatureDoesNotMatch", "IncompleteSignature", "MissingAuthenticationToken",
	}
)

// permission finds the denied action in AWS's message.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
var permission = regexp.MustCompile(`not authorized to perform: ([\w-]+:\w+)`)

// explain says in plain words why a call of an AWS service failed, and what to do.
func (s *stack) explain(ctx context.Context, err error) error {
	service := "AWS"
	if operation := (*smithy.OperationError)(nil); errors.As(err, &operation) {
		service = operation.Service()
	}
	var api smithy.APIError
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted")
	case !errors.As(err, &api):
		return fmt.Errorf("no answer from %s in Region %s: check the network and the Region, then ask again (%w)",
			service, s.cfg.Region, cause(err))
	case slices.Contains(denied, api.ErrorCode()):
		missing := "a permission"
		if found := permission.FindStringSubmatch(api.ErrorMessage()); found != nil {
			missing = "the permission " + found[1]
		}
		return fmt.Errorf("access denied: your credentials need %s; ask the account's administrator (%s)",
			missing, api.ErrorMessage())
	case slices.Contains(unknown, api.ErrorCode()):
		return fmt.Errorf("AWS does not accept the credentials: sign in again, or use --profile=NAME (%s: %s)",
			api.ErrorCode(), api.ErrorMessage())
	case isUnknownStack(api):
		return fmt.Errorf("there is no stack %s in Region %s: check the name (--stack, STACK), the Region (--region, AWS_REGION) and "+
			"the account (--profile)", s.name, s.cfg.Region)
	default:
		return fmt.Errorf("%s refused: %s (%s)", service, api.ErrorMessage(), api.ErrorCode())
	}
}

// isUnknownStack knows CloudFormation's "Stack with id NAME does not exist", which comes as a ValidationError like many others.
func isUnknownStack(api smithy.APIError) bool {
	message := api.ErrorMessage()
	return api.ErrorCode() == "ValidationError" && strings.HasPrefix(message, "Stack ") && strings.HasSuffix(message, "does not exist")
}

// isUnknownStackError is isUnknownStack of any error.
func isUnknownStackError(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && isUnknownStack(api)
}

// cause returns the innermost reason why there was no answer, without what the SDK wraps around it.
func cause(err error) error {
	var request *url.Error
	if errors.As(err, &request) {
		return request.Err
	}
	return err
}
