package preflight

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// nameRules are about the names by which users are found. What the trigger answers to which name stands in docs/pools.md.
var nameRules = []rule{
	{
		id: "sign_in_unknown", severity: Error, needs: OldPool | NewPool,
		check: func(s Snapshot) []string {
			takes := words(s.NewPool.UsernameAttributes)
			return when(len(takes) > 0 && len(common(takes, findsBy(s.OldPool))) == 0, takes...)
		},
		what: "Users sign in to the new pool by what the old pool does not find them by",
		why:  "Nobody migrates, but for users whose old username is that address. All others are unknown to the old pool, or refused (attribute_rejected).",
		mend: "A pool's sign-in options can't be changed: make another new pool, with the old one's usernames or aliases.",
		docs: guide + "user-pool-settings-attributes.html",
	},
	{
		id: "sign_in_withheld", severity: Error, needs: OldPool | NewPool | settings,
		check: func(s Snapshot) []string {
			return slices.DeleteFunc(common(findsBy(s.NewPool), findsBy(s.OldPool)), func(name string) bool {
				return slices.ContainsFunc(handedOver(s), func(h handover) bool { return aws.ToString(h.source.Name) == name && h.target == name })
			})
		},
		what: "Rules (ATTRIBUTES) take away what users sign in by at both pools",
		why:  "Nobody who types it is handed over: the new pool would not find the user by it again (attribute_rejected).",
		mend: "Take the rule out of the parameter Attributes, and deploy again.",
		docs: guide + "user-pool-lambda-migrate-user.html",
	},
	{
		id: "sign_in_lost", severity: Warning, needs: OldPool | NewPool,
		check: func(s Snapshot) []string {
			lost := without(findsBy(s.OldPool), findsBy(s.NewPool))
			if len(s.NewPool.UsernameAttributes) == 0 {
				lost = without(lost, words(s.OldPool.UsernameAttributes)) // which becomes the username
			}
			return lost
		},
		what: "Users sign in to the old pool by what is no sign-in option of the new one",
		why:  "Users who type it are refused (attribute_rejected), since the new pool would not find them by it again. They move once they type another of their names.",
		mend: newPool + " Or let the app ask for a name that the new pool takes.",
		docs: guide + "user-pool-settings-attributes.html",
	},
	{
		id: "username_fixed", severity: Info, needs: OldPool | NewPool,
		check: func(s Snapshot) []string {
			if len(s.NewPool.UsernameAttributes) > 0 {
				return nil
			}
			return without(words(s.OldPool.UsernameAttributes), words(s.NewPool.AliasAttributes))
		},
		what: "The address that users sign in by at the old pool becomes their username in the new one",
		why:  "A username can never be changed: a user who changes the address still signs in by the old one.",
		mend: "Nothing, if that will do. Else make another new pool, with addresses as usernames (UsernameAttributes) or as aliases.",
		docs: guide + "user-pool-settings-attributes.html",
	},
	{
		id: "username_is_alias", severity: Warning, needs: OldPool | NewPool | settings,
		check: func(s Snapshot) []string {
			return unverifiable(s, common(words(s.OldPool.UsernameAttributes), words(s.NewPool.AliasAttributes)))
		},
		what: "The address that users sign in by at the old pool is an alias in the new one, which works only when it is verified",
		why:  "Users whose address is not verified in the old pool are refused (alias_unverified). The others move, with the old sub as username.",
		mend: "Have those users verify the address in the old pool. Or the parameter AssumeVerified, if you know the addresses to be right. migration preflight --users counts them.",
		docs: guide + "user-pool-settings-attributes.html",
	},
	{
		id: "username_like_alias", severity: Warning, needs: OldPool | NewPool,
		check: func(s Snapshot) []string {
			if len(s.OldPool.UsernameAttributes) > 0 {
				return nil
			}
			return without(words(s.NewPool.AliasAttributes), append(words(s.OldPool.AliasAttributes), string(types.AliasAttributeTypePreferredUsername)))
		},
		what: "Usernames of the old pool may have the form of what is an alias in the new pool",
		why:  "Cognito creates nobody whose username has the form of an alias. A user whose username is also their verified address moves, with the old sub as username; every other such user is refused (attribute_rejected, alias_unverified).",
		mend: "Look for such usernames in the old pool: migration preflight --users counts them. If there are many: make another new pool, without that alias or with addresses as usernames.",
		docs: guide + "user-pool-settings-attributes.html",
	},
	{
		id: "username_not_address", severity: Warning, needs: OldPool | NewPool,
		check: func(s Snapshot) []string {
			return when(len(s.OldPool.UsernameAttributes) == 0, common(words(s.NewPool.UsernameAttributes), findsBy(s.OldPool))...)
		},
		what: "The old pool has usernames, and the new pool takes addresses only",
		why:  "Nobody who types the username is found (attribute_rejected). Users who type an address that the old pool finds them by move.",
		mend: "Let the app ask for the address. To keep usernames, make another new pool, with addresses as aliases.",
		docs: guide + "user-pool-settings-attributes.html",
	},
	{
		id: "case_not_told", severity: Error, needs: OldPool | NewPool | settings,
		check: func(s Snapshot) []string {
			return when(losesCase(s) && s.settings.TypedName == "", aws.ToString(s.NewPool.Id))
		},
		what: "The old pool minds case, the new one does not, and the app does not tell what users type",
		why:  "The new pool gives the trigger every name in lower case. Nobody with a capital letter in the name is found in the old pool (unknown_user).",
		mend: "Let the app send the name as it was typed, in its ClientMetadata, and deploy with its key as TypedName: docs/pools.md.",
		docs: guide + "user-pool-case-sensitivity.html",
	},
	{
		id: "case_told", severity: Info, needs: OldPool | NewPool | settings,
		check: func(s Snapshot) []string {
			return when(losesCase(s) && s.settings.TypedName != "", s.settings.TypedName)
		},
		what: "The app has to send what users type, since the old pool minds case and the new one does not",
		why:  "The new pool gives the trigger every name in lower case. An app that does not send this key of ClientMetadata gets nobody with a capital letter in the name migrated. Managed login sends none.",
		mend: "Have every app send it, at sign-in and for a forgotten password: docs/pools.md.",
		docs: guide + "user-pool-case-sensitivity.html",
	},
	{
		id: "case_folded", severity: Warning, needs: OldPool | NewPool,
		check: func(s Snapshot) []string { return when(losesCase(s), aws.ToString(s.NewPool.Id)) },
		what:  "The old pool tells Ada from ada, the new one does not",
		why:   "Of two users whose names differ in case alone, the second to come signs in against the first one's password, and never migrates.",
		mend:  "Look for such pairs in the old pool: migration preflight --users counts them. Give one of each another name, or remove it.",
		docs:  guide + "user-pool-case-sensitivity.html",
	},
	{
		id: "case_split", severity: Warning, needs: OldPool | NewPool,
		check: func(s Snapshot) []string {
			return when(!caseSensitive(s.OldPool) && caseSensitive(s.NewPool), aws.ToString(s.NewPool.Id))
		},
		what: "The new pool tells Ada from ada, the old one does not",
		why:  "A user who types the username in another case is new to the new pool, and migrates once more as somebody else. A user who types an address or preferred username in another case than the old pool has it, which is lower case, is refused (attribute_rejected).",
		mend: "Make another new pool, without case sensitivity, as AWS advises; it can't be changed later.",
		docs: guide + "user-pool-case-sensitivity.html",
	},
}

// findsBy lists what users may sign in by besides a plain username.
func findsBy(pool *types.UserPoolType) []string {
	return slices.Concat(words(pool.UsernameAttributes), words(pool.AliasAttributes))
}

// unverifiable leaves out the addresses that are handed over as verified whatever the old pool says.
func unverifiable(s Snapshot, addresses []string) []string {
	return slices.DeleteFunc(addresses, func(a string) bool {
		return slices.Contains(s.settings.AssumeVerified, migration.Address(a))
	})
}

// caseSensitive: usernames are, unless a pool says otherwise.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_UsernameConfigurationType.html
func caseSensitive(pool *types.UserPoolType) bool {
	return pool.UsernameConfiguration == nil || pool.UsernameConfiguration.CaseSensitive == nil || *pool.UsernameConfiguration.CaseSensitive
}

// losesCase tells whether the trigger hears names in lower case that the old pool has in any.
func losesCase(s Snapshot) bool { return caseSensitive(s.OldPool) && !caseSensitive(s.NewPool) }
