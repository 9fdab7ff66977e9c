// Package request reads what a function is asked: one of its views, by name, with the fields that the view takes and no others.
//
// It refuses other requests, and names what is allowed. That text is made from the views' own types, so it is never out of date.
package request

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/redact"
)

// View is one question that a function answers.
type View struct {
	name      string
	isDefault bool
	fields    []field
	read      func(raw json.RawMessage) (answer func(context.Context) (any, error), err error)
}

// Default makes the view the answer to a request that names no view, or is empty.
func (v View) Default() View {
	v.isDefault = true
	return v
}

// NewView makes a view. Its fields are those of R, a struct, by their JSON names; those tagged request:"required" must be given. If R has
// a method Validate, that must hold as well.
func NewView[R any](name string, answer func(context.Context, R) (any, error)) View {
	v := View{name: name, fields: fieldsOf(reflect.TypeFor[R]())}
	v.read = func(raw json.RawMessage) (func(context.Context) (any, error), error) {
		var r R
		if err := v.check(raw, &r); err != nil {
			return nil, err
		}
		return func(ctx context.Context) (any, error) { return answer(ctx, r) }, nil
	}
	return v
}

// check reads a request into out, a pointer to the view's struct.
func (v View) check(raw json.RawMessage, out any) error {
	var given map[string]json.RawMessage
	if len(bytes.TrimSpace(raw)) > 0 {
		if err := json.Unmarshal(raw, &given); err != nil {
			return errors.New("the request is no JSON object")
		}
	}
	delete(given, "view")
	for name, value := range given {
		i := slices.IndexFunc(v.fields, func(f field) bool { return f.name == name })
		if i < 0 {
			return fmt.Errorf("view %q takes no field %q", v.name, name)
		}
		if err := json.Unmarshal(value, reflect.ValueOf(out).Elem().Field(v.fields[i].index).Addr().Interface()); err != nil {
			return fmt.Errorf("field %q of view %q is not understood", name, v.name)
		}
	}
	for _, f := range v.fields {
		if f.required && reflect.ValueOf(out).Elem().Field(f.index).IsZero() {
			return fmt.Errorf("view %q needs the field %q", v.name, f.name)
		}
	}
	if r, ok := reflect.ValueOf(out).Elem().Interface().(interface{ Validate() error }); ok {
		return r.Validate()
	}
	return nil
}

type field struct {
	name     string
	index    int
	required bool
}

func fieldsOf(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		fields = append(fields, field{name: name, index: i, required: t.Field(i).Tag.Get("request") == "required"})
	}
	return fields
}

// String shows a request for the view: {"view":"trail","from":…} with "to", "next".
func (v View) String() string {
	var required, optional []string
	for _, f := range v.fields {
		if f.required {
			required = append(required, fmt.Sprintf(",%q:…", f.name))
		} else {
			optional = append(optional, fmt.Sprintf("%q", f.name))
		}
	}
	usage := fmt.Sprintf(`{"view":%q%s}`, v.name, strings.Join(required, ""))
	if len(optional) > 0 {
		usage += " with " + strings.Join(optional, ", ") + " as you like"
	}
	return usage
}

// Error says what is wrong with a request, and what is allowed.
type Error struct {
	Problem string
	Allowed []View
}

func (e *Error) Error() string {
	views := make([]string, len(e.Allowed))
	for i, v := range e.Allowed {
		views[i] = v.String()
	}
	return e.Problem + ": allowed is " + strings.Join(views, "; or ")
}

// Handler answers the requests for some views.
func Handler(log *slog.Logger, views ...View) func(context.Context, json.RawMessage) (any, error) {
	return func(ctx context.Context, raw json.RawMessage) (out any, err error) {
		defer func() {
			if p := recover(); p != nil {
				log.LogAttrs(ctx, slog.LevelError, "panic", redact.Panic(p)...)
				out, err = nil, errPanic
			}
		}()
		view, answer, err := read(raw, views)
		if err != nil {
			log.LogAttrs(ctx, slog.LevelError, "request refused", slog.String("fault", "the request is not understood"))
			return nil, err
		}
		if out, err = answer(ctx); err != nil {
			return nil, Failed(ctx, log, view.name, err)
		}
		return out, nil
	}
}

const errPanic = redact.Safe("the function has a fault: its log says where")

// Failed logs that a view could not be answered, without what the error may quote, and returns the error.
func Failed(ctx context.Context, log *slog.Logger, view string, err error) error {
	log.LogAttrs(ctx, slog.LevelError, "request failed", slog.String("view", view), slog.String("fault", redact.Error(err)))
	return err
}

func read(raw json.RawMessage, views []View) (View, func(context.Context) (any, error), error) {
	name, named, err := viewOf(raw)
	if err != nil {
		return View{}, nil, &Error{`the request is no JSON object with a "view"`, views}
	}
	i := slices.IndexFunc(views, func(v View) bool { return v.name == name || !named && v.isDefault })
	switch {
	case i < 0 && named:
		return View{}, nil, &Error{fmt.Sprintf("view %q is unknown", name), views}
	case i < 0:
		return View{}, nil, &Error{"no view is named", views}
	}
	answer, err := views[i].read(raw)
	if err != nil {
		return View{}, nil, &Error{err.Error(), views[i : i+1]}
	}
	return views[i], answer, nil
}

// viewOf returns the name of the requested view. An empty request, and null, name none.
func viewOf(raw json.RawMessage) (name string, named bool, err error) {
	var request struct {
		View *string `json:"view"`
	}
	if len(bytes.TrimSpace(raw)) > 0 {
		if err := json.Unmarshal(raw, &request); err != nil {
			return "", false, err
		}
	}
	if request.View == nil {
		return "", false, nil
	}
	return *request.View, true, nil
}
