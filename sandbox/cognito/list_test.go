package cognito_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/google/go-cmp/cmp"

	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
)

const (
	listPage   = reference + "API_ListUsers.html"
	searchPage = guide + "how-to-manage-user-accounts.html#cognito-user-pools-searching-for-users-using-listusers-api"
)

func TestFiltersOfListUsers(t *testing.T) {
	t.Parallel()
	pool := start(t, cognito.Config{})
	put(
		t, pool,
		cognito.User{Username: "cy", Sub: "c0", Attributes: map[string]string{
			"email": "b@example.com", "name": "Cy", "given_name": "A", "family_name": "Z", "phone_number": "+13", "preferred_username": "x",
		}},
		cognito.User{Username: "ann", Sub: "a0", Status: "UNCONFIRMED", Attributes: map[string]string{
			"email": "C@example.com", "name": `Ann "A" \ Lee`, "given_name": "C", "family_name": "Y", "phone_number": "+12",
			"preferred_username": "z",
		}},
		cognito.User{Username: "bob", Sub: "a1", Disabled: true, Attributes: map[string]string{
			"email": "a@example.com", "name": "bob", "given_name": "B", "family_name": "X", "phone_number": "+21", "preferred_username": "y",
		}},
		cognito.User{Username: "Dee", Sub: "d0", Status: "FORCE_CHANGE_PASSWORD"},
	)
	const parsing = "InvalidParameterException: Error while parsing filter"
	for _, tt := range []struct{ rule, doc, filter, want string }{
		{"equal", listPage, `username = "ann"`, "ann"},
		{"no spaces", listPage, `username="ann"`, "ann"},
		{"a prefix", listPage, `phone_number ^= "+1"`, "ann cy"},
		{"nobody", listPage, `email = "nobody@example.com"`, ""},
		{"a prefix is not equal", listPage, `email = "a@"`, ""},
		{"a username's case matters", listPage, `username = "dee"`, ""},
		{"an email address is no username", searchPage, `username = "a@example.com"`, ""},
		{"case matters nowhere else", searchPage, `email = "c@EXAMPLE.com"`, "ann"},
		{"a state's case does not matter", listPage, `cognito:user_status ^= "c"`, "cy bob"},
		{"a state", listPage, `cognito:user_status = "FORCE_CHANGE_PASSWORD"`, "Dee"},
		{"enabled", listPage, `status = "Enabled"`, "cy ann Dee"},
		{"disabled", listPage, `status = "Disabled"`, "bob"},
		{"the case of enabled matters", listPage, `status = "disabled"`, ""},
		{"by sub", listPage, `sub = "a1"`, "bob"},
		{"by the prefix of sub", listPage, `sub ^= "a"`, "ann bob"},
		{"sorted by username", searchPage, `username ^= ""`, "Dee ann bob cy"},
		{"sorted by sub", searchPage, `sub ^= ""`, "ann bob cy Dee"},
		{"sorted by email", searchPage, `email ^= ""`, "bob cy ann"},
		{"sorted by phone_number", searchPage, `phone_number ^= ""`, "ann cy bob"},
		{"sorted by name", searchPage, `name ^= ""`, "ann bob cy"},
		{"sorted by given_name", searchPage, `given_name ^= ""`, "cy bob ann"},
		{"sorted by family_name", searchPage, `family_name ^= ""`, "bob ann cy"},
		{"sorted by preferred_username", searchPage, `preferred_username ^= ""`, "cy bob ann"},
		{"quotation marks are escaped", listPage, `name = "Ann \"A\" \\ Lee"`, "ann"},
		{"the longest", listPage, `email = "` + strings.Repeat("a", 246) + `"`, ""},
		{"too long", listPage, `email = "` + strings.Repeat("a", 247) + `"`, "InvalidParameterException: 1 validation error detected: " +
			"Value at 'filter' failed to satisfy constraint: Member must have length less than or equal to 256"},
		{"no quotation marks", listPage, `username = ann`, parsing},
		{"another operator", listPage, `username != "ann"`, parsing},
		{"a custom attribute", listPage, `custom:a = "b"`, "InvalidParameterException: Invalid search attribute: custom:a"},
		{"an attribute that can't be searched by", listPage, `gender = "f"`, "InvalidParameterException: Invalid search attribute: gender"},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			out, err := patient(pool).ListUsers(t.Context(), &idp.ListUsersInput{UserPoolId: aws.String(poolID), Filter: &tt.filter})
			got := ""
			if err != nil {
				got = outcome("", err)
			} else {
				got = strings.Join(usernames(out), " ")
			}
			if got != tt.want {
				t.Errorf("%s: %s, want %s", tt.doc, got, tt.want)
			}
		})
	}
}

// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_UserType.html
func TestListUsersGivesWhatIsKnownOfAUser(t *testing.T) {
	t.Parallel()
	pool := start(t, cognito.Config{})
	created := time.Date(2019, 5, 1, 12, 0, 0, 0, time.UTC)
	put(t, pool, cognito.User{
		Username: "ann", Sub: "a0", Status: "RESET_REQUIRED", Disabled: true, Created: created, Modified: created.AddDate(1, 0, 0),
		Attributes: map[string]string{"email": "ann@example.com"},
	})
	out, err := patient(pool).ListUsers(t.Context(), &idp.ListUsersInput{UserPoolId: aws.String(poolID)})
	if err != nil || len(out.Users) != 1 {
		t.Fatalf("%v, %+v", err, out)
	}
	got := out.Users[0]
	attributes := map[string]string{}
	for _, a := range got.Attributes {
		attributes[*a.Name] = *a.Value
	}
	if diff := cmp.Diff(map[string]string{"sub": "a0", "email": "ann@example.com"}, attributes); diff != "" {
		t.Error(diff)
	}
	if *got.Username != "ann" || got.UserStatus != "RESET_REQUIRED" || got.Enabled || !got.UserCreateDate.Equal(created) ||
		!got.UserLastModifiedDate.Equal(created.AddDate(1, 0, 0)) {
		t.Errorf("%+v", got)
	}
}

func TestAttributesToGet(t *testing.T) {
	t.Parallel()
	pool := start(t, cognito.Config{})
	put(
		t, pool,
		cognito.User{Username: "ann", Sub: "a0", Attributes: map[string]string{"email": "ann@example.com", "name": "Ann", "gender": "f"}},
		cognito.User{Username: "bob", Sub: "b0", Attributes: map[string]string{"email": "bob@example.com"}},
	)
	const missing = "InvalidParameterException: One or more requested attributes do not exist."
	for _, tt := range []struct{ rule, filter, get, want string }{
		{"every user has a sub", "", "sub", "sub sub"},
		{"every user has it", "", "email", "email email"},
		{"not every user has it", "", "name", missing},
		{"every user who is found has it", `username = "ann"`, "name", "name"},
		{"what can't be searched by has to be set in every user of the pool", `username = "ann"`, "gender", missing},
		{"no attribute", "", "nickname", missing},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			in := &idp.ListUsersInput{UserPoolId: aws.String(poolID), AttributesToGet: []string{tt.get}}
			if tt.filter != "" {
				in.Filter = &tt.filter
			}
			out, err := patient(pool).ListUsers(t.Context(), in)
			got := ""
			if err != nil {
				got = outcome("", err)
			} else {
				var names []string
				for _, user := range out.Users {
					for _, a := range user.Attributes {
						names = append(names, *a.Name)
					}
				}
				got = strings.Join(names, " ")
			}
			if got != tt.want {
				t.Errorf("%s: %s, want %s", listPage, got, tt.want)
			}
		})
	}
}

func TestPagesOfListUsers(t *testing.T) {
	t.Parallel()
	pool := start(t, cognito.Config{})
	putMany(t, pool, 130)
	for _, tt := range []struct {
		rule     string
		limit    int32
		pageSize int // the most that the pool gives
		want     []int
	}{
		{"60 a page by default", 0, 0, []int{60, 60, 10}},
		{"as many as are asked for", 50, 0, []int{50, 50, 30}},
		{"fewer than are asked for, with more to come", 60, 49, []int{49, 49, 32}},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			if err := pool.SetPageSize(t.Context(), tt.pageSize); err != nil {
				t.Fatal(err)
			}
			in := &idp.ListUsersInput{UserPoolId: aws.String(poolID)}
			if tt.limit > 0 {
				in.Limit = &tt.limit
			}
			var sizes []int
			seen := map[string]bool{}
			for pages := idp.NewListUsersPaginator(patient(pool), in); pages.HasMorePages(); {
				page, err := pages.NextPage(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				sizes = append(sizes, len(page.Users))
				for _, name := range usernames(page) {
					seen[name] = true
				}
			}
			if !slices.Equal(sizes, tt.want) || len(seen) != 130 {
				t.Errorf("%s: pages of %v with %d users in all, want %v", listPage, sizes, len(seen), tt.want)
			}
		})
	}
	_, err := patient(pool).ListUsers(t.Context(), &idp.ListUsersInput{UserPoolId: aws.String(poolID), Limit: aws.Int32(61)})
	if got := outcome("", err); !strings.HasPrefix(got, "InvalidParameterException: 1 validation error detected: Value at 'limit'") {
		t.Error(got)
	}
}

func TestPaginationTokens(t *testing.T) {
	t.Parallel()
	pool := start(t, cognito.Config{})
	putMany(t, pool, 130)
	list := func(in idp.ListUsersInput) (string, string) {
		t.Helper()
		in.UserPoolId = aws.String(poolID)
		out, err := patient(pool).ListUsers(t.Context(), &in)
		if err != nil {
			return outcome("", err), ""
		}
		return fmt.Sprintf("%d users", len(out.Users)), aws.ToString(out.PaginationToken)
	}
	const invalid = "InvalidParameterException: Invalid pagination token."
	_, token := list(idp.ListUsersInput{})
	for _, tt := range []struct {
		rule, doc string
		advance   time.Duration // of the pool's clock, before
		in        idp.ListUsersInput
		want      string
	}{
		{"goes on", listPage, 0, idp.ListUsersInput{PaginationToken: &token}, "60 users"},
		{"may be used again", listPage, 0, idp.ListUsersInput{PaginationToken: &token}, "60 users"},
		{"with another limit", listPage, 0, idp.ListUsersInput{PaginationToken: &token, Limit: aws.Int32(10)}, invalid},
		{"with a filter", listPage, 0, idp.ListUsersInput{PaginationToken: &token, Filter: aws.String(`username ^= "u"`)}, invalid},
		{"with other attributes", listPage, 0, idp.ListUsersInput{PaginationToken: &token, AttributesToGet: []string{"sub"}}, invalid},
		{"of nobody", listPage, 0, idp.ListUsersInput{PaginationToken: aws.String("bm9uZSAwIDA")}, invalid},
		{"good for an hour", searchPage, 59 * time.Minute, idp.ListUsersInput{PaginationToken: &token}, "60 users"},
		{"not for longer", searchPage, 2 * time.Minute, idp.ListUsersInput{PaginationToken: &token}, invalid},
	} {
		if err := pool.Advance(t.Context(), tt.advance); err != nil {
			t.Fatal(err)
		}
		if got, _ := list(tt.in); got != tt.want {
			t.Errorf("a token %s: %s, want %s (%s)", tt.rule, got, tt.want, tt.doc)
		}
	}
}

// Users come and go while a chain of pages is read: none comes twice, and who was there all the time comes.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_ListUsers.html
func TestAChainOfPagesIsConsistent(t *testing.T) {
	t.Parallel()
	pool := start(t, cognito.Config{})
	putMany(t, pool, 130)
	seen := map[string]int{}
	for pages := idp.NewListUsersPaginator(patient(pool), &idp.ListUsersInput{UserPoolId: aws.String(poolID)}); pages.HasMorePages(); {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range usernames(page) {
			seen[name]++
		}
		if err := pool.Delete(t.Context(), "user000001", "user000129"); err != nil {
			t.Fatal(err)
		}
		put(t, pool, cognito.User{Username: "new"}, cognito.User{Username: "user000002"})
	}
	for i := range 129 {
		if name := fmt.Sprintf("user%06d", i); seen[name] != 1 {
			t.Errorf("%s came %d times", name, seen[name])
		}
	}
	if seen["user000129"] != 0 {
		t.Error("a user came who had gone")
	}
}

// 100,000 users are laid down at once, and walked in sixteen chains by the first digit of sub.
func TestALargePool(t *testing.T) {
	t.Parallel()
	const n = 100_000
	pool := start(t, cognito.Config{})
	began := time.Now()
	putMany(t, pool, n)
	laidDown := time.Since(began)
	seen := map[string]bool{}
	for _, digit := range "0123456789abcdef" {
		filter := fmt.Sprintf(`sub ^= "%c"`, digit)
		in := &idp.ListUsersInput{UserPoolId: aws.String(poolID), Filter: &filter, AttributesToGet: []string{"sub"}}
		for pages := idp.NewListUsersPaginator(patient(pool), in); pages.HasMorePages(); {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range usernames(page) {
				seen[name] = true
			}
		}
	}
	t.Logf("laid down in %s, walked in %s", laidDown, time.Since(began)-laidDown)
	if len(seen) != n {
		t.Errorf("%d users, want %d", len(seen), n)
	}
}

// patient is a client that asks again. Now and then the SDK closes a connection while it still reads a large answer.
// https://github.com/aws/aws-sdk-go-v2/issues/2737
func patient(pool *cognito.Pool) *idp.Client {
	options := client(pool).Options()
	options.RetryMaxAttempts = 3
	return idp.New(options)
}

func usernames(out *idp.ListUsersOutput) (names []string) {
	for _, user := range out.Users {
		names = append(names, *user.Username)
	}
	return names
}

// putMany lays down n users, user000000 and so on.
func putMany(t *testing.T, pool *cognito.Pool, n int) {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	many := make([]cognito.User, n)
	for i := range many {
		name := fmt.Sprintf("user%06d", i)
		many[i] = cognito.User{
			Username: name, Password: "right", Sub: fmt.Sprintf("%08x-5041-70a1-0000-%012d", random.Uint32(), i),
			Attributes: map[string]string{"email": name + "@example.com", "email_verified": "true", "phone_number": fmt.Sprintf("+1555%07d", i)},
		}
	}
	put(t, pool, many...)
}
