package report

import (
	"context"
	"encoding/json"
	"log/slog"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/request"
)

// Handler answers a request.
type Handler = func(context.Context, json.RawMessage) (any, error)

// OrWidget answers a dashboard's custom widget, which sends fields that no view takes, and passes every other request to next.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/add_custom_widget_dashboard_create.html
func OrWidget(log *slog.Logger, collect func(context.Context) (Report, error), next Handler) Handler {
	return func(ctx context.Context, raw json.RawMessage) (any, error) {
		var dashboard struct {
			Describe bool `json:"describe"` // a widget that is being set up
			Widget   *struct {
				Theme Theme `json:"theme"`
			} `json:"widgetContext"`
		}
		_ = json.Unmarshal(raw, &dashboard) // a request that can't be read is not a dashboard's: next refuses it
		switch {
		case dashboard.Describe:
			return map[string]string{"markdown": WidgetDescription}, nil
		case dashboard.Widget == nil:
			return next(ctx, raw)
		}
		p, err := collect(ctx)
		if err != nil {
			return nil, request.Failed(ctx, log, "widget", err)
		}
		return Widget(p, dashboard.Widget.Theme)
	}
}
