package preflight

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// Kinds of users that a Survey counts, besides those whom the trigger would refuse. Ids never change.
const (
	capitals         = "capitals"
	caseTwin         = "case_twin"
	usernameForm     = "username_like_alias"
	unverifiedAlias  = "unverified_alias"
	sharedVerified   = "shared_verified_address"
	sharedUnverified = "shared_unverified_address"
	valueUnfit       = "value_unfit"
	refused          = "refused"
)

// kinds say what is so with the users of a kind.
var kinds = map[string]string{
	capitals:         "sign in by a name with a capital letter, which the new pool folds and the old one does not",
	caseTwin:         "have a username that differs from another user's in case alone",
	usernameForm:     "have a username in the form of what is an alias in the new pool",
	unverifiedAlias:  "come with an address that is an alias in the new pool, and not verified: it does not work there",
	sharedVerified:   "come with a verified address of another user, by which the new pool finds one only",
	sharedUnverified: "come with an address of another user, by which the new pool finds one only; at most one of the two is verified",
	valueUnfit:       "come with a value that the new pool does not take, and would be recorded as migrated",
}

// Kind is how many users something is so with.
type Kind struct {
	ID       string   `json:"id"`
	Detail   string   `json:"detail,omitempty"` // the attribute; of refused users, the reason and the attribute that stands in the way
	What     string   `json:"what"`
	Users    int      `json:"users"`
	Examples []string `json:"examples,omitempty"` // usernames
}

// Survey counts users of the old pool by what would go wrong with them. It decides about each as the trigger would that knows the new
// pool as it is. It keeps no user, but for the examples: of names and addresses it keeps hashes of 8 bytes, to find equal ones.
type Survey struct {
	snapshot Snapshot
	policy   migration.Policy
	examples int

	users  int
	counts map[[3]string]*Kind // by all that describes one
	seed   maphash.Seed
	names  map[uint64]bool // hashes of usernames in lower case
	owners map[uint64]bool // hashes of addresses, and whether one who has it has verified it
}

// NewSurvey starts a survey that names at most so many users of each kind.
func NewSurvey(old, later *types.UserPoolType, set Settings, examples int) (*Survey, error) {
	shape, err := shapeOf(later)
	if err != nil {
		return nil, err
	}
	policy := set.Policy
	policy.NewPool = shape
	return &Survey{
		snapshot: Snapshot{OldPool: old, NewPool: later, settings: set}, policy: policy, examples: examples,
		counts: map[[3]string]*Kind{}, seed: maphash.MakeSeed(), names: map[uint64]bool{}, owners: map[uint64]bool{},
	}, nil
}

// Users is how many users were added.
func (s *Survey) Users() int { return s.users }

// Kinds returns what was counted, what concerns most users first.
func (s *Survey) Kinds() []Kind {
	all := []Kind{}
	for _, k := range s.counts {
		all = append(all, *k)
	}
	slices.SortFunc(all, func(a, b Kind) int {
		return cmp.Or(cmp.Compare(b.Users, a.Users), strings.Compare(a.ID, b.ID), strings.Compare(a.Detail, b.Detail), strings.Compare(a.What, b.What))
	})
	return all
}

// Add counts a user, as ListUsers tells it. Second factors that users set up themselves are not told there.
func (s *Survey) Add(user types.UserType) {
	s.users++
	account := accountOf(user)
	names := s.namesOf(account)
	s.addNames(account, names)
	decisions := map[string]migration.Decision{}
	var migrated *migration.Decision
	for how, name := range names {
		d := s.decide(account, name)
		if d.Outcome == migration.Migrated {
			migrated = &d
		} else {
			decisions[how] = d
		}
	}
	s.addRefusals(account, decisions, len(names))
	if migrated != nil {
		s.addAttributes(account, migrated.Attributes)
	}
}

func accountOf(user types.UserType) migration.Account {
	account := migration.Account{
		Username: aws.ToString(user.Username), Enabled: user.Enabled, Status: string(user.UserStatus), Attributes: map[string]string{},
	}
	for _, a := range user.Attributes {
		account.Attributes[aws.ToString(a.Name)] = aws.ToString(a.Value)
	}
	account.Sub = account.Attributes["sub"]
	if len(user.MFAOptions) > 0 {
		account.Factors = []string{"SMS_MFA"}
	}
	return account
}

// namesOf returns what the old pool lets a user in by, by how it is called. Usernames that a pool made itself are known to nobody.
func (s *Survey) namesOf(account migration.Account) map[string]string {
	old := s.snapshot.OldPool
	names := map[string]string{}
	if len(old.UsernameAttributes) == 0 {
		names["username"] = account.Username
	}
	for _, name := range findsBy(old) {
		value := account.Attributes[name]
		alias := slices.Contains(words(old.AliasAttributes), name) && name != string(types.AliasAttributeTypePreferredUsername)
		if value != "" && (!alias || account.Attributes[name+"_verified"] == "true") {
			names[name] = value
		}
	}
	return names
}

// decide decides about a user with the right password who types a name.
func (s *Survey) decide(account migration.Account, name string) migration.Decision {
	typed := name
	if !caseSensitive(s.snapshot.NewPool) {
		typed = strings.ToLower(name)
	}
	answer := migration.Answer{Account: &account, Authentication: migration.Authentication{Accepted: true}}
	switch {
	case losesCase(s.snapshot) && typed != name && s.snapshot.settings.TypedName == "":
		answer = migration.Answer{AccountReason: migration.UnknownUser}
	case account.Status == string(types.UserStatusTypeForceChangePassword):
		answer.Authentication = migration.Authentication{Challenge: string(types.ChallengeNameTypeNewPasswordRequired)}
	case mfa(s.snapshot.OldPool) && len(account.Factors) > 0:
		answer.Authentication = migration.Authentication{Challenge: account.Factors[0]}
	}
	return s.policy.Decide(migration.SignIn, typed, answer, migration.Record{})
}

// addNames counts by the names that a user signs in by.
func (s *Survey) addNames(account migration.Account, names map[string]string) {
	if losesCase(s.snapshot) {
		if slices.ContainsFunc(slices.Collect(maps.Values(names)), func(n string) bool { return n != strings.ToLower(n) }) {
			s.count(account, capitals, "", kinds[capitals])
		}
		hash := s.hash("username", strings.ToLower(account.Username))
		if s.names[hash] {
			s.count(account, caseTwin, "", kinds[caseTwin])
		}
		s.names[hash] = true
	}
	for _, alias := range words(s.snapshot.NewPool.AliasAttributes) {
		if form := forms[alias]; form != nil && form.MatchString(names["username"]) {
			s.count(account, usernameForm, alias, kinds[usernameForm])
		}
	}
}

// addRefusals counts why a user is refused: once if it is for the same whatever the user types, else for each name.
func (s *Survey) addRefusals(account migration.Account, decisions map[string]migration.Decision, names int) {
	typed := map[string][]string{}
	for how, d := range decisions {
		detail := strings.Join(slices.DeleteFunc([]string{string(d.Reason), d.Challenge, d.Attribute}, func(s string) bool { return s == "" }), " ")
		typed[detail] = append(typed[detail], how)
	}
	for detail, ways := range typed {
		how := "whatever they type"
		if len(ways) < names {
			slices.Sort(ways)
			how = "when they type the " + strings.Join(ways, " or the ")
		}
		s.count(account, refused, detail, "are refused at sign-in, "+how)
	}
}

// addAttributes counts by what a user is handed over with.
func (s *Survey) addAttributes(account migration.Account, attributes map[string]string) {
	later := schema(s.snapshot.NewPool)
	for name, value := range attributes {
		if a := later[name]; a != nil && misfit(*a, value) != "" {
			s.count(account, valueUnfit, name, kinds[valueUnfit])
		}
	}
	for _, name := range findsBy(s.snapshot.NewPool) {
		value := attributes[name]
		if value == "" {
			continue
		}
		alias := slices.Contains(words(s.snapshot.NewPool.AliasAttributes), name)
		verified := attributes[name+"_verified"] == "true" || name == string(types.AliasAttributeTypePreferredUsername)
		if alias && !verified {
			s.count(account, unverifiedAlias, name, kinds[unverifiedAlias])
		}
		if !caseSensitive(s.snapshot.NewPool) {
			value = strings.ToLower(value)
		}
		hash := s.hash(name, value)
		other, known := s.owners[hash]
		switch {
		case other && verified:
			s.count(account, sharedVerified, name, kinds[sharedVerified])
		case known:
			s.count(account, sharedUnverified, name, kinds[sharedUnverified])
		}
		s.owners[hash] = other || verified
	}
}

func (s *Survey) hash(kind, value string) uint64 {
	return maphash.String(s.seed, fmt.Sprintf("%s %s", kind, value))
}

func (s *Survey) count(account migration.Account, id, detail, what string) {
	key := [3]string{id, detail, what}
	k := s.counts[key]
	if k == nil {
		k = &Kind{ID: id, Detail: detail, What: what}
		s.counts[key] = k
	}
	k.Users++
	if len(k.Examples) < s.examples {
		k.Examples = append(k.Examples, account.Username)
	}
}
