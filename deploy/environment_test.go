package deploy_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const module = "github.com/cognito-user-migration/cognito-user-migration/"

func TestTheTemplateSetsTheVariablesThatTheCodeReads(t *testing.T) {
	for name, f := range functions(t) {
		t.Run(name, func(t *testing.T) {
			set := slices.Sorted(maps.Keys(f.Environment.Variables))
			if diff := cmp.Diff(variables(t, name), set); diff != "" {
				t.Errorf("variables (-code +template):\n%s", diff)
			}
		})
	}
}

// variables returns the environment variables of a function: those of the structs that the variable cfg in its main is made of.
func variables(t *testing.T, name string) []string {
	t.Helper()
	dir := filepath.Join("..", "functions", name)
	main := parse(t, dir)
	var names []string
	for _, file := range main {
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || spec.Names[0].Name != "cfg" {
				return true
			}
			for _, field := range spec.Type.(*ast.StructType).Fields.List {
				names = append(names, variablesOf(t, main, file, field.Type)...)
			}
			return false
		})
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// variablesOf returns the variables of a struct type that a file names: one of its own package, or of another of the project's.
func variablesOf(t *testing.T, own []*ast.File, file *ast.File, config ast.Expr) []string {
	t.Helper()
	switch config := config.(type) {
	case *ast.Ident:
		return tags(t, own, config.Name)
	case *ast.SelectorExpr:
		for _, i := range file.Imports {
			path, _ := strconv.Unquote(i.Path.Value)
			if own, ok := strings.CutPrefix(path, module); ok && filepath.Base(path) == config.X.(*ast.Ident).Name {
				return tags(t, parse(t, filepath.Join("..", own)), config.Sel.Name)
			}
		}
	}
	return nil
}

// tags returns the variables that the fields of a struct name, those of embedded structs included.
func tags(t *testing.T, files []*ast.File, typeName string) []string {
	t.Helper()
	var names []string
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok || spec.Name.Name != typeName {
				return true
			}
			for _, field := range spec.Type.(*ast.StructType).Fields.List {
				if len(field.Names) == 0 {
					names = append(names, variablesOf(t, files, file, field.Type)...)
				}
				if field.Tag == nil {
					continue
				}
				tag, _ := strconv.Unquote(field.Tag.Value)
				name, _, _ := strings.Cut(reflect.StructTag(tag).Get("env"), ",")
				names = append(names, name)
			}
			return false
		})
	}
	return names
}

// parse parses a folder's files, tests left out.
func parse(t *testing.T, dir string) []*ast.File {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}
