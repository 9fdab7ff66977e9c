package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/dynamo"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/fault"
)

// What the census reads of users stays with it, whatever the pools, the ledger and the queue say: not in a table, in what it keeps there in a
// packed form, in the queue, a log line or a metric.
func TestCensusWritesNoPersonalData(t *testing.T) {
	t.Parallel()
	own, stack := polled(t)
	attributes := map[string]string{
		"email": canaries["email"], "email_verified": "true", "phone_number": canaries["phone number"], "custom:note": canaries["custom value"],
	}
	u := cognito.User{Username: canaries["username"], Password: canaries["password"], Sub: "c-anary", Attributes: attributes}
	if err := own.Old.Put(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	made := u
	made.Sub, made.Attributes = "", map[string]string{link: u.Sub}
	for name, value := range attributes {
		made.Attributes[name] = value
	}
	if err := own.New.Put(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	quoting := fault.Rule{Kind: fault.Error, Probability: 1, Exception: fault.Exception{
		Status: http.StatusBadRequest, Type: "InvalidParameterException", Message: fmt.Sprint(canaries),
	}}
	transactions := quoting
	transactions.Operation = "TransactWriteItems"
	own.DynamoDBFaults.Set(transactions)
	takeCensus(t, stack) // its confirmation goes to the spool
	own.SQSFaults.Set(quoting)
	takeCensus(t, stack) // and into the log line
	own.DynamoDBFaults.Set()
	own.SQSFaults.Set()
	for _, proxy := range []*fault.Proxy{own.NewFaults, own.OldFaults, own.DynamoDBFaults} {
		proxy.Set(quoting)
		if _, err := askCensus(t, stack, `{"view":"run"}`); err == nil {
			t.Error("a census succeeds though nobody answers")
		}
		_, _ = stack.Invoke(t.Context(), "census", []byte(fmt.Sprintf(`{"view":%q}`, canaries["email"])))
		proxy.Set()
	}
	result := takeCensus(t, stack)
	var state json.RawMessage
	s := store(stack)
	if ok, err := s.KeptCensus(t.Context(), dynamo.CensusState, &state); err != nil || !ok {
		t.Fatal(ok, err)
	}
	var kept, ofDay json.RawMessage
	for item, into := range map[dynamo.CensusItem]*json.RawMessage{
		dynamo.CensusResult: &kept, dynamo.CensusOfDay(ledger.Day(result.StartedAt)): &ofDay,
	} {
		if ok, err := s.KeptCensus(t.Context(), item, into); err != nil || !ok {
			t.Fatal(ok, err)
		}
	}
	queue, err := json.Marshal(stack.Spool.Messages())
	if err != nil {
		t.Fatal(err)
	}
	for where, text := range map[string][]byte{
		"log": []byte(stack.Logs("census")), "tables": tables(t, stack), "queue": queue, "state": state, "result": kept, "day's result": ofDay,
	} {
		if found := leaks(text); len(found) != 0 || len(text) < 100 {
			t.Errorf("%s: leaks %v: %s", where, found, text)
		}
	}
	if stream, err := s.Stream(t.Context(), u.Sub); err != nil || confirmations(stream) != 1 {
		t.Errorf("%v: %+v", err, stream)
	}
}
