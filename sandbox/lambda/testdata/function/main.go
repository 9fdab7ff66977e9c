// Command function does what its event tells it to, to test the sandbox's Lambda with.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type event struct {
	Do   string
	URL  string // to get before answering
	File string
	Text string
}

type result struct {
	PID       int
	RequestID string
	Remaining time.Duration // until the context's deadline
	Text      string
	Env       []string
	Dir       string
}

func handle(ctx context.Context, e event) (result, error) {
	switch e.Do {
	case "fail":
		return result{}, errors.New("told to fail")
	case "panic":
		panic("told to panic")
	case "exit":
		os.Exit(3)
	case "block":
		<-ctx.Done()
		select {}
	case "get":
		response, err := http.Get(e.URL)
		if err != nil {
			return result{}, err
		}
		if err := response.Body.Close(); err != nil {
			return result{}, err
		}
	case "tick":
		go tick(e.File)
	case "print":
		fmt.Print(e.Text)
	}
	deadline, _ := ctx.Deadline()
	lc, _ := lambdacontext.FromContext(ctx)
	dir, _ := os.Getwd()
	return result{os.Getpid(), lc.AwsRequestID, time.Until(deadline), e.Text, os.Environ(), dir}, nil
}

// tick appends a byte to the file again and again.
func tick(name string) {
	file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	for range time.Tick(time.Millisecond) {
		if _, err := file.WriteString("."); err != nil {
			panic(err)
		}
	}
}

func main() {
	switch os.Getenv("INIT") {
	case "exit":
		fmt.Println("no configuration")
		os.Exit(1)
	case "error":
		report := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/init/error"
		if _, err := http.Post(report, "application/json", strings.NewReader(`{"errorType":"Config","errorMessage":"no configuration"}`)); err != nil {
			panic(err)
		}
	}
	lambda.Start(handle)
}
