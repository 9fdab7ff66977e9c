package main

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestABundleHoldsAllThatItsTemplateNames(t *testing.T) {
	root, out := builtRepository(t), t.TempDir()
	if err := bundle(root, out); err != nil {
		t.Fatal(err)
	}
	template := read(t, out, "template.yaml")
	if strings.Contains(template, "CodeUri: build/") {
		t.Error("the template still names folders of the repository")
	}
	named := regexp.MustCompile(`(?:CodeUri|TemplateURL): (\S+)`).FindAllStringSubmatch(template, -1)
	if len(named) < 2 {
		t.Fatalf("the template names %q", named)
	}
	for _, name := range named {
		if content := read(t, out, name[1]); content == "" {
			t.Errorf("%s is empty", name[1])
		}
	}
	if info, err := os.Stat(filepath.Join(out, "deploy")); err != nil || info.Mode().Perm()&0o111 == 0 {
		t.Errorf("the script that deploys cannot be run: %v", err)
	}
}

func TestAFunctionsZipIsWhatLambdaRuns(t *testing.T) {
	root, out := builtRepository(t), t.TempDir()
	if err := bundle(root, out); err != nil {
		t.Fatal(err)
	}
	archive, err := zip.OpenReader(filepath.Join(out, "migrate.zip"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = archive.Close() })
	if len(archive.File) != 1 || archive.File[0].Name != "bootstrap" || archive.File[0].Mode() != 0o755 {
		t.Fatalf("got %+v", archive.File[0].FileHeader)
	}
	file, err := archive.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(file)
	if want := read(t, root, "build/migrate/bootstrap"); err != nil || string(content) != want {
		t.Errorf("got %q, %v; want %q", content, err, want)
	}
}

func TestTheSameBuildGivesTheSameBundle(t *testing.T) {
	root, first, second := builtRepository(t), t.TempDir(), t.TempDir()
	for _, out := range []string{first, second} {
		if err := bundle(root, out); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal([]byte(read(t, first, "migrate.zip")), []byte(read(t, second, "migrate.zip"))) {
		t.Error("two zips of the same binary differ")
	}
}

func TestAFunctionThatIsNotBuiltIsMissed(t *testing.T) {
	root := builtRepository(t)
	if err := os.Remove(filepath.Join(root, "build", "watch", "bootstrap")); err != nil {
		t.Fatal(err)
	}
	if err := bundle(root, t.TempDir()); err == nil || !strings.Contains(err.Error(), "build/watch/bootstrap") {
		t.Errorf("got %v", err)
	}
}

// builtRepository returns a folder with the repository's own templates and script, and a binary for each function.
func builtRepository(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, name := range []string{"template.yaml", "dashboards/template.yaml", "deploy/deploy", "deploy/old-account.yaml"} {
		write(t, root, name, read(t, filepath.Join("..", ".."), name))
	}
	functions, err := filepath.Glob("../../functions/*")
	if err != nil || functions == nil {
		t.Fatal("no functions", err)
	}
	for _, path := range functions {
		name := filepath.Base(path)
		write(t, root, filepath.Join("build", name, "bootstrap"), "the binary of "+name)
	}
	return root
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
