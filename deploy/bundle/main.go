// Bundle puts what a deployment needs into one folder: run "bundle FOLDER" at the top of the repository after "make build". A machine
// without Go and the source can deploy from that folder with the AWS CLI.
package main

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "bundle: name the folder to write to: bundle build/release")
		os.Exit(2)
	}
	if err := bundle(".", os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "bundle:", err)
		os.Exit(1)
	}
}

// code finds the folder of a function's code in the template.
var code = regexp.MustCompile(`(?m)^( +CodeUri: )build/(\w+)/$`)

// bundle writes the template and its dashboards, the script that deploys them, and a zip for each function.
func bundle(root, out string) error {
	template, err := os.ReadFile(filepath.Join(root, "template.yaml"))
	if err != nil {
		return err
	}
	functions := code.FindAllSubmatch(template, -1)
	if functions == nil {
		return errors.New("template.yaml names no function's code as build/<function>/")
	}
	files := map[string][]byte{"template.yaml": code.ReplaceAll(template, []byte("${1}${2}.zip"))}
	for _, function := range functions {
		name := string(function[2])
		if files[name+".zip"], err = zipped(filepath.Join(root, "build", name, "bootstrap")); err != nil {
			return err
		}
	}
	for to, from := range map[string]string{
		"dashboards/template.yaml": "dashboards/template.yaml", "deploy": "deploy/deploy", "old-account.yaml": "deploy/old-account.yaml",
	} {
		if files[to], err = os.ReadFile(filepath.Join(root, from)); err != nil {
			return err
		}
	}
	for name, content := range files {
		path := filepath.Join(out, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		mode := os.FileMode(0o644)
		if name == "deploy" {
			mode = 0o755
		}
		if err := os.WriteFile(path, content, mode); err != nil {
			return err
		}
	}
	return nil
}

// zipped returns a zip whose one file is the binary, as Lambda wants it: executable, at the top, under the name bootstrap.
// The same binary gives the same zip.
// https://docs.aws.amazon.com/lambda/latest/dg/golang-package.html
func zipped(binary string) ([]byte, error) {
	content, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	header := zip.FileHeader{Name: "bootstrap", Method: zip.Deflate, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)}
	header.SetMode(0o755)
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	file, err := w.CreateHeader(&header)
	if err != nil {
		return nil, err
	}
	if _, err := file.Write(content); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return archive.Bytes(), nil
}
