# How operators bring the project to AWS, and ask it. They need the AWS CLI and credentials.
# TEMPLATE and what stands between brackets in the help texts are optional.

.PHONY: deploy
deploy: build ## Deploy to AWS: STACK=… USER_POOL_ID=… APP_CLIENT_ID=… NEW_USER_POOL_ID=… [REGION=…] [BUCKET=…] [PARAMETERS='Mode=shadow …']
	@deploy/deploy

.PHONY: report
report: ## Ask how far the migration is: STACK=… [VIEW=progress]
	@deploy/ask Report

.PHONY: preflight
preflight: ## Check how both pools are set up, before the trigger is attached: STACK=…
	@VIEW=preflight deploy/ask Inspect

.PHONY: inspect
inspect: ## Ask about a user or the set-up: STACK=… VIEW=user USERNAME=… (or SUB=…), VIEW=blocked REASON=… [CHALLENGE=…], VIEW=unconfirmed, VIEW=trail FROM=2026-07-01 [TO=…], or VIEW=preflight
	@deploy/ask Inspect

.PHONY: maintain
maintain: ## Look after the record: STACK=… VIEW=verify [SUB=… or DAY=2026-07-14], rebuild or close
	@deploy/ask Maintain

.PHONY: audit
audit: ## Export the audit trail of a period for an auditor: STACK=… FROM=2026-07-01 [TO=2026-08-01] [OUT=folder]
	@deploy/audit

.PHONY: template-check
template-check: ## Check the templates with cfn-lint, and against the code
	cfn-lint template.yaml dashboards/template.yaml
	go test ./deploy
