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
	imports := map[string]string{}
	var names []string
	for _, file := range main {
		for _, i := range file.Imports {
			path, _ := strconv.Unquote(i.Path.Value)
			imports[filepath.Base(path)] = path
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || spec.Names[0].Name != "cfg" {
				return true
			}
			for _, field := range spec.Type.(*ast.StructType).Fields.List {
				switch config := field.Type.(type) {
				case *ast.Ident:
					names = append(names, tags(main, config.Name)...)
				case *ast.SelectorExpr:
					path := strings.TrimPrefix(imports[config.X.(*ast.Ident).Name], module)
					names = append(names, tags(parse(t, filepath.Join("..", path)), config.Sel.Name)...)
				}
			}
			return false
		})
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// tags returns the variables that the fields of a struct name.
func tags(files []*ast.File, typeName string) []string {
	var names []string
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok || spec.Name.Name != typeName {
				return true
			}
			for _, field := range spec.Type.(*ast.StructType).Fields.List {
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
