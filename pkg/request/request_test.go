package request_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/redact"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/request"
)

type listing struct {
	From  string `json:"from" request:"required"`
	Limit int    `json:"limit"`
}

func (l listing) Validate() error {
	if l.Limit < 0 {
		return errors.New(`"limit" is negative`)
	}
	return nil
}

// handler has a view that takes nothing, one that takes fields and one that fails.
func handler(log *bytes.Buffer, views ...request.View) func(context.Context, json.RawMessage) (any, error) {
	views = append(views,
		request.NewView("list", func(_ context.Context, l listing) (any, error) { return l, nil }),
		request.NewView("fail", func(context.Context, struct{}) (any, error) { return nil, redact.Safe("nothing works") }),
	)
	return request.Handler(slog.New(slog.NewJSONHandler(log, nil)), views...)
}

func TestRequestsThatAreUnderstood(t *testing.T) {
	sum := request.NewView("sum", func(context.Context, struct{}) (any, error) { return "sum", nil }).Default()
	for raw, want := range map[string]any{
		"": "sum", "null": "sum", "{}": "sum", `{"view":"sum"}`: "sum",
		`{"view":"list","from":"a"}`: listing{From: "a"}, "\n" + `{"limit":3,"from":"$(a)\n","view":"list"}`: listing{From: "$(a)\n", Limit: 3},
	} {
		got, err := handler(&bytes.Buffer{}, sum)(t.Context(), json.RawMessage(raw))
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%q: %v (-want +got):\n%s", raw, err, diff)
		}
	}
}

// A request that can't be read is refused. The answer says why, and what is allowed; the log quotes nothing of the request.
func TestRequestsThatAreRefused(t *testing.T) {
	const everything = `allowed is {"view":"list","from":…} with "limit" as you like; or {"view":"fail"}`
	const list = `allowed is {"view":"list","from":…} with "limit" as you like`
	for raw, want := range map[string]string{
		``:                  "no view is named: " + everything,
		`{}`:                "no view is named: " + everything,
		`[]`:                `the request is no JSON object with a "view": ` + everything,
		`"list"`:            `the request is no JSON object with a "view": ` + everything,
		`{"view":1}`:        `the request is no JSON object with a "view": ` + everything,
		`{"view":"list"}{}`: `the request is no JSON object with a "view": ` + everything,
		`{"view":"lst","from":"ada@example.com"}`:             `view "lst" is unknown: ` + everything,
		`{"view":"list"}`:                                     `view "list" needs the field "from": ` + list,
		`{"view":"list","from":1}`:                            `field "from" of view "list" is not understood: ` + list,
		`{"view":"list","from":"a","form":"ada@example.com"}`: `view "list" takes no field "form": ` + list,
		`{"view":"list","from":"a","limit":-1}`:               `"limit" is negative: ` + list,
	} {
		var log bytes.Buffer
		answer, err := handler(&log)(t.Context(), json.RawMessage(raw))
		if err == nil || err.Error() != want {
			t.Errorf("%s: answered %v, %v;\nwant %s", raw, answer, err, want)
		}
		if !strings.Contains(log.String(), `"level":"ERROR"`) || strings.Contains(log.String(), "ada") || strings.Contains(log.String(), "lst") {
			t.Errorf("%s: log: %s", raw, log.String())
		}
	}
}

// A failure is in the log, with its view, and without what the error may quote.
func TestFailuresAreLogged(t *testing.T) {
	var log bytes.Buffer
	quoting := request.NewView("quote", func(context.Context, struct{}) (any, error) { return nil, errors.New("ada@example.com") })
	for view, fault := range map[string]string{"fail": "nothing works", "quote": "an error of type *errors.errorString"} {
		log.Reset()
		_, err := handler(&log, quoting)(t.Context(), json.RawMessage(`{"view":"`+view+`"}`))
		var line map[string]any
		if jsonErr := json.Unmarshal(log.Bytes(), &line); err == nil || jsonErr != nil {
			t.Fatalf("%v, %v", err, jsonErr)
		}
		if line["level"] != "ERROR" || line["view"] != view || line["fault"] != fault {
			t.Errorf("%s: log: %v", view, line)
		}
	}
}

// A panic is answered like a failure, and the log says where it was, without its value.
func TestPanicsAreLogged(t *testing.T) {
	var log bytes.Buffer
	panics := request.NewView("panic", func(context.Context, struct{}) (any, error) { panic("ada@example.com") })
	answer, err := handler(&log, panics)(t.Context(), json.RawMessage(`{"view":"panic"}`))
	if err == nil || answer != nil || !strings.Contains(log.String(), `"msg":"panic","type":"string","stack":"`) || strings.Contains(log.String(), "ada") {
		t.Errorf("%v, %v; log: %s", answer, err, log.String())
	}
}
