package table

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// BatchGet reads at most BatchSize items and returns those that exist, by their partition keys.
func (t *Tables) BatchGet(ctx context.Context, table string, keys []Item, consistent bool) (map[string]Item, error) {
	found := make(map[string]Item, len(keys))
	request := map[string]types.KeysAndAttributes{table: {Keys: keys, ConsistentRead: &consistent}}
	for backoff := (Backoff{}); len(keys) > 0 && len(request) > 0; {
		out, err := t.Client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: request}, Patient)
		if err == nil && len(out.UnprocessedKeys) > 0 {
			// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html asks for a pause.
			err = backoff.Pause(ctx)
		}
		if err != nil {
			return nil, Wrap(err, "read %s", table)
		}
		for _, it := range out.Responses[table] {
			found[Attribute(it, "pk")] = it
		}
		request = out.UnprocessedKeys
	}
	return found, nil
}
