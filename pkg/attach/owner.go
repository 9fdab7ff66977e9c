package attach

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Owner says by the pool's tags who else sets the pool up, or "". A template or a configuration that owns the pool takes a trigger away
// that it does not name, with its next deployment. CloudFormation tags what it makes. Terraform and Pulumi leave no mark of their own, but
// many configurations tag what they own with their name.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-resource-tags.html
func (p Pool) Owner() string {
	tags := p.object("UserPoolTags")
	if name := tags.text("aws:cloudformation:stack-name"); name != "" {
		return "the CloudFormation stack " + name
	}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		mark := strings.ToLower(key + "=" + tags.text(key))
		for _, name := range []string{"Terraform", "OpenTofu", "Pulumi"} {
			if strings.Contains(mark, strings.ToLower(name)) {
				return fmt.Sprintf("%s, by the tag %s=%s", name, key, tags.text(key))
			}
		}
	}
	return ""
}

// Elsewhere says what to put into the template or configuration that owns a pool, to have it call the functions. The functions let the
// pool call them already.
func Elsewhere(functions Triggers) string {
	var template, cdk, terraform strings.Builder
	for _, trigger := range slices.Sorted(maps.Keys(functions)) {
		function := functions[trigger]
		fmt.Fprintf(&template, "      %s: %s\n", trigger, function)
		fmt.Fprintf(&cdk, "    userPool.addTrigger(cognito.UserPoolOperation.%s,\n      lambda.Function.fromFunctionArn(this, '%s', '%s'));\n",
			strings.ToUpper(snake(trigger)), trigger, function)
		fmt.Fprintf(&terraform, "      %s = %q\n", snake(trigger), function)
	}
	return "CloudFormation and SAM, in the AWS::Cognito::UserPool's Properties:\n\n    LambdaConfig:\n" + template.String() +
		"\nCDK:\n\n" + cdk.String() +
		"\nTerraform, in the aws_cognito_user_pool:\n\n    lambda_config {\n" + terraform.String() + "    }\n"
}

// snake is the name of a trigger in Terraform: of PreSignUp, pre_sign_up.
// https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/cognito_user_pool#lambda_config
func snake(trigger string) string {
	var name strings.Builder
	for i, r := range trigger {
		if i > 0 && 'A' <= r && r <= 'Z' {
			name.WriteByte('_')
		}
		name.WriteRune(r)
	}
	return strings.ToLower(name.String())
}
