// Package config reads a function's configuration from its environment, and says which variable is wrong.
package config

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

// Parse fills cfg, a pointer to a struct of packages' configuration structs, from variables of the form NAME=value, and then
// calls Validate on each that has it. The error names every variable that is missing or wrong and what is allowed.
func Parse(cfg any, environ []string) error {
	err := env.ParseWithOptions(cfg, env.Options{Environment: env.ToMap(environ)})
	var all env.AggregateError
	if errors.As(err, &all) {
		var errs []error
		for _, err := range all.Errors {
			var parse env.ParseError
			if errors.As(err, &parse) {
				err = fmt.Errorf("%s: %w", variable(reflect.TypeOf(cfg).Elem(), parse.Name), parse.Err)
				if parse.Type == reflect.TypeFor[time.Duration]() {
					err = fmt.Errorf("%w: allowed is a duration like 1.5s", err)
				}
			}
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	}
	if err != nil {
		return err
	}
	var errs []error
	for i := range reflect.ValueOf(cfg).Elem().NumField() {
		if part, ok := reflect.ValueOf(cfg).Elem().Field(i).Interface().(interface{ Validate() error }); ok {
			errs = append(errs, part.Validate())
		}
	}
	return errors.Join(errs...)
}

// variable finds the variable of a field in the packages' structs; the parser's error names only the field.
func variable(cfg reflect.Type, field string) string {
	for i := range cfg.NumField() {
		if f, ok := cfg.Field(i).Type.FieldByName(field); ok {
			name, _, _ := strings.Cut(f.Tag.Get("env"), ",")
			return name
		}
	}
	return field
}

// YesNo is a choice.
type YesNo bool

// UnmarshalText accepts yes and no.
func (c *YesNo) UnmarshalText(text []byte) error {
	switch string(text) {
	case "yes", "no":
		*c = string(text) == "yes"
		return nil
	default:
		return fmt.Errorf("%q is not allowed: allowed is yes, no", text)
	}
}
