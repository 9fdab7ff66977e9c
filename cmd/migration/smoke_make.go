package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/attach"
)

// make makes everything that the trial needs. Each call that makes something tags it in the same call, so that a kill at any moment
// leaves nothing that can't be found.
func (m *smoke) make(ctx context.Context) error {
	for _, s := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"makes the bucket and the witness", m.makeStage},
		{"makes the old pool", m.makeOldPool},
		{"makes the new pool", m.makeNewPool},
		{"makes the old pool's users", m.makeUsers},
		{"deploys the stack (some minutes)", m.deploy},
		{"attaches the trigger", m.attach},
	} {
		if err := m.step(ctx, s.what, s.do); err != nil {
			return err
		}
	}
	return nil
}

// object is a JSON object of a template.
type templateObject = map[string]any

// stageTemplate is the bucket for the functions' code, and the witness, which writes down which triggers Cognito calls.
func stageTemplate() templateObject {
	return templateObject{"Resources": templateObject{
		"Bucket": templateObject{"Type": "AWS::S3::Bucket", "Properties": templateObject{
			"PublicAccessBlockConfiguration": templateObject{
				"BlockPublicAcls": true, "BlockPublicPolicy": true, "IgnorePublicAcls": true, "RestrictPublicBuckets": true,
			},
		}},
		"WitnessLogGroup": templateObject{"Type": "AWS::Logs::LogGroup", "Properties": templateObject{"RetentionInDays": 1}},
		"WitnessRole": templateObject{"Type": "AWS::IAM::Role", "Properties": templateObject{
			"AssumeRolePolicyDocument": trusting(templateObject{"Service": "lambda.amazonaws.com"}),
			"Policies": []any{templateObject{"PolicyName": "witness", "PolicyDocument": templateObject{
				"Version": "2012-10-17", "Statement": []any{templateObject{
					"Effect": "Allow", "Action": []string{"logs:CreateLogStream", "logs:PutLogEvents"},
					"Resource": templateObject{"Fn::GetAtt": []string{"WitnessLogGroup", "Arn"}},
				}},
			}}},
		}},
		"Witness": templateObject{"Type": "AWS::Lambda::Function", "Properties": templateObject{
			"Runtime": "python3.13", "Handler": "index.handler", "Role": templateObject{"Fn::GetAtt": []string{"WitnessRole", "Arn"}},
			"LoggingConfig": templateObject{"LogGroup": templateObject{"Ref": "WitnessLogGroup"}},
			"Code":          templateObject{"ZipFile": "def handler(event, context):\n    print('witness ' + event['triggerSource'])\n    return event\n"},
		}},
		"WitnessPermission": templateObject{"Type": "AWS::Lambda::Permission", "Properties": templateObject{
			"FunctionName": templateObject{"Ref": "Witness"}, "Action": "lambda:InvokeFunction",
			"Principal": "cognito-idp.amazonaws.com", "SourceAccount": templateObject{"Ref": "AWS::AccountId"},
		}},
	}}
}

// trusting is a role's trust policy.
func trusting(principal templateObject) templateObject {
	return templateObject{"Version": "2012-10-17", "Statement": []any{templateObject{
		"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole",
	}}}
}

func (m *smoke) makeStage(ctx context.Context) (err error) {
	m.stage, err = m.makeStack(ctx, m.run+"-stage", stageTemplate())
	return err
}

// makeStack makes a stack with the tag, and returns its resources when it is complete.
func (m *smoke) makeStack(ctx context.Context, name string, template templateObject) (map[string]string, error) {
	body, err := json.Marshal(template)
	if err != nil {
		return nil, err
	}
	client := cloudformation.NewFromConfig(*m.stack.cfg)
	if _, err := client.CreateStack(ctx, &cloudformation.CreateStackInput{
		StackName: &name, TemplateBody: ptr(string(body)), Capabilities: []cfntypes.Capability{cfntypes.CapabilityCapabilityIam},
		Tags: []cfntypes.Tag{{Key: ptr(smokeTag), Value: &m.run}},
	}); err != nil {
		return nil, m.stack.explain(ctx, err)
	}
	err = m.until(ctx, 10*time.Minute, func(ctx context.Context) (bool, error) {
		out, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
		if err != nil {
			return false, m.stack.explain(ctx, err)
		}
		switch status := out.Stacks[0].StackStatus; {
		case status == cfntypes.StackStatusCreateComplete:
			return true, nil
		case strings.HasSuffix(string(status), "_IN_PROGRESS") && !strings.Contains(string(status), "ROLLBACK"):
			return false, nil
		default:
			return false, fmt.Errorf("the stack %s is %s: %s", name, status, aws.ToString(out.Stacks[0].StackStatusReason))
		}
	})
	if err != nil {
		return nil, err
	}
	return (&stack{name: name, cfg: m.stack.cfg}).resources(ctx)
}

// note is a custom attribute of both pools; link is the one that keeps the old sub.
var (
	note = types.SchemaAttributeType{Name: ptr("note"), AttributeDataType: types.AttributeDataTypeString, Mutable: aws.Bool(true)}
	link = types.SchemaAttributeType{Name: ptr("old_sub"), AttributeDataType: types.AttributeDataTypeString, Mutable: aws.Bool(false)}
)

func (m *smoke) makeOldPool(ctx context.Context) error {
	made, err := m.cognito.CreateUserPool(ctx, &cognitoidentityprovider.CreateUserPoolInput{
		PoolName: ptr(m.run + "-old"), UserPoolTags: m.tags(), Schema: []types.SchemaAttributeType{note},
	})
	if err != nil {
		return m.stack.explain(ctx, err)
	}
	m.oldID = *made.UserPool.Id
	m.oldApp, err = m.makeApp(ctx, m.oldID, "migration", nil, types.ExplicitAuthFlowsTypeAllowAdminUserPasswordAuth)
	return err
}

// makeNewPool makes a pool in which some settings are not at their defaults, so that it shows if attaching resets them.
func (m *smoke) makeNewPool(ctx context.Context) error {
	input := &cognitoidentityprovider.CreateUserPoolInput{
		PoolName: ptr(m.run + "-new"), UserPoolTags: m.tags(), Schema: []types.SchemaAttributeType{note, link},
		Policies: &types.UserPoolPolicyType{PasswordPolicy: &types.PasswordPolicyType{
			MinimumLength: aws.Int32(11), RequireNumbers: true, TemporaryPasswordValidityDays: 5,
		}},
		AccountRecoverySetting: &types.AccountRecoverySettingType{RecoveryMechanisms: []types.RecoveryOptionType{
			{Name: types.RecoveryOptionNameTypeVerifiedEmail, Priority: aws.Int32(1)},
		}},
		VerificationMessageTemplate: &types.VerificationMessageTemplateType{
			DefaultEmailOption: types.DefaultEmailOptionTypeConfirmWithCode, EmailSubject: ptr("A trial"), EmailMessage: ptr("{####}"),
		},
		UserAttributeUpdateSettings: &types.UserAttributeUpdateSettingsType{},
	}
	if witness := m.stage["Witness"]; witness != "" && !m.local {
		function := "arn:" + m.partition() + ":lambda:" + m.stack.cfg.Region + ":" + m.account + ":function:" + witness
		input.LambdaConfig = &types.LambdaConfigType{PreSignUp: &function, PostAuthentication: &function}
	}
	made, err := m.cognito.CreateUserPool(ctx, input)
	if err != nil {
		return m.stack.explain(ctx, err)
	}
	m.newID = *made.UserPool.Id
	if m.newApp, err = m.makeApp(ctx, m.newID, "app", nil, types.ExplicitAuthFlowsTypeAllowUserPasswordAuth); err != nil || m.local {
		return err // an emulated pool has one app client
	}
	m.narrowApp, err = m.makeApp(ctx, m.newID, "narrow", []string{"email"}, types.ExplicitAuthFlowsTypeAllowUserPasswordAuth)
	return err
}

// partition is that of the account, which its own ARN names.
func (m *smoke) partition() string {
	switch region := m.stack.cfg.Region; {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	default:
		return "aws"
	}
}

func (m *smoke) makeApp(ctx context.Context, pool, name string, writes []string, flow types.ExplicitAuthFlowsType) (string, error) {
	made, err := m.cognito.CreateUserPoolClient(ctx, &cognitoidentityprovider.CreateUserPoolClientInput{
		UserPoolId: &pool, ClientName: &name, WriteAttributes: writes,
		ExplicitAuthFlows:          []types.ExplicitAuthFlowsType{flow, types.ExplicitAuthFlowsTypeAllowRefreshTokenAuth},
		PreventUserExistenceErrors: types.PreventUserExistenceErrorTypesEnabled,
	})
	if err != nil {
		return "", m.stack.explain(ctx, err)
	}
	return *made.UserPoolClient.ClientId, nil
}

// deploy runs the release's own script, with the trial's bucket and tag.
func (m *smoke) deploy(ctx context.Context) error {
	script, err := filepath.Abs(filepath.Join(m.release, "deploy"))
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, script)
	cmd.Dir = m.release
	cmd.Env = append(os.Environ(), "STACK="+m.run, "USER_POOL_ID="+m.oldID, "APP_CLIENT_ID="+m.oldApp, "NEW_USER_POOL_ID="+m.newID,
		"BUCKET="+m.stage["Bucket"], "PARAMETERS=Attributes=custom:old_sub=sub LogRetentionDays=1", "TAGS="+smokeTag+"="+m.run)
	if _, err := m.command(cmd); err != nil {
		return err
	}
	m.resources, err = m.stack.resources(ctx)
	return err
}

// attach attaches the trigger as "migration attach" does.
func (m *smoke) attach(ctx context.Context) error {
	w, err := m.stack.wiring(ctx)
	if err != nil {
		return err
	}
	m.before = w.before
	trigger := attach.Triggers{attach.UserMigration: w.functions[attach.UserMigration]}
	if err := errors.Join(refuseBroken(ctx, w, m.out, trigger), refuseUninvited(ctx, w, m.out, trigger)); err != nil {
		return err
	}
	return w.pool.set(ctx, w.before, w.before.with(w.before.UserPool.With(trigger)))
}
