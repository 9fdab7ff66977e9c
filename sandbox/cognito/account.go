package cognito

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// Account is Cognito's endpoint for an account that makes and deletes pools. Each pool has one app client, which takes passwords: it is
// there from the beginning, and CreateUserPoolClient gives its id.
type Account struct {
	region, lambda string // Lambda's endpoint
	log            io.Writer
	server         http.Server
	endpoint       string

	mu    sync.Mutex
	made  int
	pools map[string]*accountPool
}

type accountPool struct {
	*Pool
	id, name, client string
}

// StartAccount starts the endpoint, whose pools call functions at Lambda's endpoint. The pools' output goes to log.
func StartAccount(region, lambda string, log io.Writer) (*Account, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start a Cognito endpoint: %w", err)
	}
	a := &Account{region: region, lambda: lambda, log: log, endpoint: "http://" + listener.Addr().String(), pools: map[string]*accountPool{}}
	a.server.Handler = http.HandlerFunc(a.serve)
	go func() { _ = a.server.Serve(listener) }()
	return a, nil
}

// Endpoint is the URL that clients are to use.
func (a *Account) Endpoint() string { return a.endpoint }

// Pools returns the names of the pools that there are, in order.
func (a *Account) Pools() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var names []string
	for _, p := range a.pools {
		names = append(names, p.name)
	}
	slices.Sort(names)
	return names
}

// Close ends the endpoint and all pools.
func (a *Account) Close() {
	_ = a.server.Close()
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range a.pools {
		p.Close()
	}
}

func (a *Account) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	var answer any
	switch operation {
	case "CreateUserPool":
		answer, err = a.createUserPool(r.Context(), body)
	case "ListUserPools":
		answer = a.listUserPools()
	default:
		pool := a.named(body)
		switch {
		case pool == nil:
			http.Error(w, `{"__type":"ResourceNotFoundException","message":"User pool does not exist."}`, http.StatusBadRequest)
			return
		case operation == "CreateUserPoolClient":
			answer = map[string]any{"UserPoolClient": map[string]any{"ClientId": pool.client, "UserPoolId": pool.id}}
		case operation == "DeleteUserPool":
			a.mu.Lock()
			delete(a.pools, pool.id)
			a.mu.Unlock()
			pool.Close()
			answer = struct{}{}
		default:
			pass(w, r, body, pool.Endpoint())
			return
		}
	}
	if err != nil {
		http.Error(w, `{"__type":"InternalErrorException","message":"the pool did not start"}`, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(answer)
}

// pass hands a request on to a pool.
func pass(w http.ResponseWriter, r *http.Request, body []byte, endpoint string) {
	target, err := url.Parse(endpoint)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	proxy := &httputil.ReverseProxy{
		Rewrite:      func(p *httputil.ProxyRequest) { p.SetURL(target) },
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ErrorLog:     log.New(io.Discard, "", 0),
	}
	proxy.ServeHTTP(w, r)
}

// named is the pool that a request names by its id or by its app client's; nil if there is none.
func (a *Account) named(body []byte) *accountPool {
	var named struct{ UserPoolID, ClientID string }
	_ = json.Unmarshal(body, &named) // what is not understood names no pool
	a.mu.Lock()
	defer a.mu.Unlock()
	if named.UserPoolID != "" {
		return a.pools[named.UserPoolID]
	}
	for _, p := range a.pools {
		if p.client == named.ClientID {
			return p
		}
	}
	return nil
}

// createUserPool makes a pool with the settings of the request.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CreateUserPool.html
func (a *Account) createUserPool(ctx context.Context, body []byte) (any, error) {
	var request struct {
		PoolName, MfaConfiguration          string
		AliasAttributes, UsernameAttributes []string
		UsernameConfiguration               *types.UsernameConfigurationType
		Schema                              []types.SchemaAttributeType
	}
	settings := map[string]any{}
	if err := cmp.Or(json.Unmarshal(body, &request), json.Unmarshal(body, &settings)); err != nil {
		return nil, err
	}
	for _, elsewhere := range []string{"PoolName", "MfaConfiguration", "AliasAttributes", "UsernameAttributes", "UsernameConfiguration", "Schema"} {
		delete(settings, elsewhere)
	}
	settings["Name"] = request.PoolName
	for i, attribute := range request.Schema {
		if !slices.Contains(standardAttributes, *attribute.Name) {
			name := "custom:" + *attribute.Name
			request.Schema[i].Name = &name
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.made++
	p := &accountPool{
		id: fmt.Sprintf("%s_aCcOuNt%02d", a.region, a.made), name: request.PoolName, client: fmt.Sprintf("1account2client3of4pool5%02d", a.made),
	}
	var err error
	p.Pool, err = Start(ctx, Config{
		PoolID: p.id, ClientID: p.client, MFA: request.MfaConfiguration, AliasAttributes: request.AliasAttributes,
		UsernameAttributes: request.UsernameAttributes, UsernameConfiguration: request.UsernameConfiguration,
		SchemaAttributes: request.Schema, LambdaEndpoint: a.lambda, Settings: settings,
	}, a.log)
	if err != nil {
		return nil, err
	}
	a.pools[p.id] = p
	return map[string]any{"UserPool": map[string]any{"Id": p.id, "Name": p.name}}, nil
}

// standardAttributes are those that every pool has; any other name in a schema is a custom attribute's, without its prefix.
// https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-attributes.html
var standardAttributes = []string{
	"address", "birthdate", "email", "family_name", "gender", "given_name", "locale", "middle_name", "name", "nickname", "phone_number",
	"picture", "preferred_username", "profile", "updated_at", "website", "zoneinfo",
}

// listUserPools lists all pools in one page.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_ListUserPools.html
func (a *Account) listUserPools() any {
	a.mu.Lock()
	defer a.mu.Unlock()
	listed := []map[string]string{}
	for _, id := range slices.Sorted(maps.Keys(a.pools)) {
		listed = append(listed, map[string]string{"Id": id, "Name": a.pools[id].name})
	}
	return map[string]any{"UserPools": listed}
}
