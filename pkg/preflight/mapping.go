package preflight

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// mappingRules hold the operator's rules for attributes to the schemas of both pools.
var mappingRules = []rule{
	{
		id: "rule_target_unknown", severity: Error, needs: NewPool | settings,
		check: func(s Snapshot) []string {
			return mappings(s, func(r migration.Rule) bool { return !r.Drop && schema(s.NewPool)[r.Target] == nil })
		},
		what: "Rules (ATTRIBUTES) give attributes that the new pool does not have",
		why:  "Every user who would get one is refused (attribute_rejected).",
		mend: "Correct the parameter Attributes, or add the attribute: aws cognito-idp add-custom-attributes --user-pool-id $NEW_USER_POOL_ID --custom-attributes Name=…,AttributeDataType=String,Mutable=false, which resets nothing. Name goes without custom:. Then deploy again.",
		docs: api + "API_AddCustomAttributes.html",
	},
	{
		id: "rule_source_unknown", severity: Warning, needs: OldPool | settings,
		check: func(s Snapshot) []string {
			old := schema(s.OldPool)
			return mappings(s, func(r migration.Rule) bool {
				return r.Drop && old[r.Target] == nil || r.Source != "" && r.Source != "sub" && old[r.Source] == nil
			})
		},
		what: "Rules (ATTRIBUTES) are about attributes that the old pool does not have",
		why:  "They do nothing. If a name is misspelt, the attribute that was meant is handed over under its own name, and a new one stays empty.",
		mend: "Correct the parameter Attributes, and deploy again.",
		docs: api + "API_SchemaAttributeType.html",
	},
	{
		id: "rule_default_unfit", severity: Error, needs: NewPool | settings,
		check: func(s Snapshot) []string {
			var details []string
			for _, r := range s.settings.Attributes {
				if a := schema(s.NewPool)[r.Target]; a != nil && r.Default != "" {
					why := misfit(*a, r.Default)
					details = append(details, when(why != "", r.Target+"?="+r.Default+" "+why)...)
				}
			}
			return details
		},
		what: "Rules (ATTRIBUTES) give values that the attribute can't have",
		why:  "Cognito refuses every user who would get one. They are recorded as migrated.",
		mend: "Correct the value in the parameter Attributes, and deploy again.",
		docs: api + "API_SchemaAttributeType.html",
	},
	{
		id: "rule_default_shared", severity: Error, needs: NewPool | settings,
		check: func(s Snapshot) []string {
			return common(findsBy(s.NewPool), mappings(s, func(r migration.Rule) bool { return r.Default != "" }))
		},
		what: "Rules (ATTRIBUTES) give the same value to several users where each needs an own one to sign in by",
		why:  "The first who gets it owns it: the new pool refuses the others, or signs them in as the first one.",
		mend: "Take the rule out of the parameter Attributes, and deploy again.",
		docs: guide + "user-pool-settings-attributes.html",
	},
	{
		id: "rule_address_unverified", severity: Warning, needs: NewPool | settings,
		check: func(s Snapshot) []string {
			given := mappings(s, func(r migration.Rule) bool { return r.Source != "" || r.Default != "" })
			return unverifiable(s, common([]string{"email", "phone_number"}, given))
		},
		what: "Rules (ATTRIBUTES) take an address from elsewhere, which is not verified",
		why:  "An alias works only when it is verified, and the code for a forgotten password goes to a verified address alone. Where users sign in by it, those who type the old pool's address are refused (attribute_rejected, alias_unverified); those who forgot the password are too, if they have no other verified address (no_verified_contact).",
		mend: "The parameter AssumeVerified, if you know the addresses to be right. Else have users verify it after they have moved.",
		docs: guide + "user-pool-lambda-migrate-user.html",
	},
	{
		id: "link_writable", severity: Warning, needs: NewPool | NewClients | settings,
		check: func(s Snapshot) []string {
			link := s.settings.Attributes.Link()
			signUp := s.NewPool.AdminCreateUserConfig == nil || !s.NewPool.AdminCreateUserConfig.AllowAdminCreateUserOnly
			if a := schema(s.NewPool)[link]; a == nil || !aws.ToBool(a.Mutable) && !signUp { // an immutable one is written at sign-up alone
				return nil
			}
			return clients(s, func(_ Snapshot, c types.UserPoolClientType) bool {
				// Of a client without WriteAttributes AWS says that it may write the standard ones; users report all of them.
				return len(c.WriteAttributes) == 0 || slices.Contains(c.WriteAttributes, link)
			})
		},
		what: "App clients let users write the attribute that links them to the old pool",
		why:  "A user, or a stranger who signs up, can then point to somebody else's record, and is confirmed in the place of that user, who is refused from then on (removed_after_confirmation).",
		mend: "App clients → the client → Attribute permissions → Edit: take write permission for it away. Where nobody can sign up, another attribute that is immutable does as well: deploy with a rule for that one." + byClientCLI,
		docs: guide + "user-pool-settings-attributes.html",
	},
}

// mappings lists the targets of the rules of which something is so.
func mappings(s Snapshot, is func(migration.Rule) bool) []string {
	var targets []string
	for _, r := range s.settings.Attributes {
		if is(r) {
			targets = append(targets, r.Target)
		}
	}
	return targets
}

// defaultOf is the value that a rule gives to users who have none.
func defaultOf(s Snapshot, attribute string) string {
	for _, r := range s.settings.Attributes {
		if r.Target == attribute && r.Default != "" {
			return r.Default
		}
	}
	return ""
}
