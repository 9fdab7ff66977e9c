package table

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Checkpoint is the item that keeps a value under a key.
func Checkpoint(k Item, value any) (Item, error) {
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	if err := errors.Join(json.NewEncoder(zip).Encode(value), zip.Close()); err != nil {
		return nil, Wrap(err, "keep %s", Attribute(k, "pk"))
	}
	it := maps.Clone(k)
	it["value"] = &types.AttributeValueMemberB{Value: b.Bytes()}
	return it, nil
}

// Keep puts a value into the progress table.
func (t *Tables) Keep(ctx context.Context, k Item, value any) error {
	it, err := Checkpoint(k, value)
	if err != nil {
		return err
	}
	_, err = t.Client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &t.Progress, Item: it})
	return Wrap(err, "keep %s", Attribute(k, "pk"))
}

// Kept reads a value that was kept. It returns false if there is none, or none that this code can read.
func (t *Tables) Kept(ctx context.Context, k Item, value any) (bool, error) {
	out, err := t.Client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &t.Progress, Key: k, ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return false, Wrap(err, "read %s", Attribute(k, "pk"))
	}
	b, ok := out.Item["value"].(*types.AttributeValueMemberB)
	return ok && unzip(b.Value, value) == nil, nil
}

func unzip(b []byte, value any) error {
	zip, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return err
	}
	return json.NewDecoder(zip).Decode(value)
}

// Forget removes a value that was kept.
func (t *Tables) Forget(ctx context.Context, k Item) error {
	_, err := t.Client.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &t.Progress, Key: k})
	return Wrap(err, "forget %s", Attribute(k, "pk"))
}

// Where a verification that is under way, and the result of the last, are kept.
var (
	VerifyState  = Key("verify", "state")
	VerifyResult = Key("verify", "result")
)
