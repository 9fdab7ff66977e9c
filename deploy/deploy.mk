# How operators bring the project to AWS. They need the AWS CLI and credentials.
# TEMPLATE and what stands between brackets in the help texts are optional.

# What is given on the command line reaches the recipes as it was typed: make would expand it on its way into their environment.
$(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(eval override export $(name) := $$(value $(name)))))

.PHONY: deploy
deploy: build ## Deploy to AWS: STACK=… USER_POOL_ID=… APP_CLIENT_ID=… NEW_USER_POOL_ID=… [BUCKET=…] [PARAMETERS='Mode=shadow …'] [TAGS='team=identity …']
	@deploy/deploy

.PHONY: template-check
template-check: ## Check the templates with cfn-lint, and against the code
	cfn-lint template.yaml dashboards/template.yaml
	go test ./deploy
