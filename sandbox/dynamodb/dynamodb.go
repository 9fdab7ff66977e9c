// Package dynamodb runs DynamoDB Local, AWS's own emulator, in memory.
package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/sandbox/process"
)

// Server is a running DynamoDB without tables. It keeps each Region and access key id apart.
type Server struct {
	process  *process.Process
	endpoint string
}

// Start starts DynamoDB Local and returns when it answers, or when ctx is done. Its output goes to log. It listens on all
// of the machine's addresses: it has no option to do otherwise.
func Start(ctx context.Context, log io.Writer) (*Server, error) {
	root, err := process.Root()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(root, ".cache", "dynamodb-local")
	if _, err := os.Stat(filepath.Join(dir, "DynamoDBLocal.jar")); err != nil {
		return nil, errors.New(`the sandbox is not set up: run "make test" (or "make demo") once, which installs what it needs`)
	}
	// Someone else may take the free port first. DynamoDB Local then neither ends nor answers.
	for range 3 {
		var s *Server
		if s, err = start(ctx, dir, log); err == nil || ctx.Err() != nil {
			return s, err
		}
	}
	return nil, err
}

func start(ctx context.Context, dir string, log io.Writer) (*Server, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	// With these flags it starts in two thirds of the time and, in a sandbox's short life, does more a second.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
		"-Djava.library.path=DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar",
		"-inMemory", "-disableTelemetry", "-port", strconv.Itoa(port))
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = log, log
	s := &Server{endpoint: fmt.Sprintf("http://127.0.0.1:%d", port)}
	if s.process, err = process.Start("DynamoDB Local", cmd); err != nil {
		return nil, err
	}
	if err := s.process.WaitReady(ctx, s.listTables); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Close ends the server and forgets its tables.
func (s *Server) Close() { s.process.Stop() }

// Endpoint is the URL of the DynamoDB API.
func (s *Server) Endpoint() string { return s.endpoint }

// listTables fails unless the server answers it. DynamoDB Local looks at the access key id and Region, at no signature.
func (s *Server) listTables(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.endpoint, strings.NewReader("{}"))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.0")
	req.Header.Set("X-Amz-Target", "DynamoDB_20120810.ListTables")
	req.Header.Set("Authorization",
		"AWS4-HMAC-SHA256 Credential=ready/20120810/eu-west-1/dynamodb/aws4_request, SignedHeaders=host, Signature=none")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		err = fmt.Errorf("ListTables: %s", res.Status)
	}
	return errors.Join(err, res.Body.Close())
}

func freePort() (int, error) {
	listener, err := net.ListenTCP("tcp", nil)
	if err != nil {
		return 0, err
	}
	return listener.Addr().(*net.TCPAddr).Port, listener.Close()
}
